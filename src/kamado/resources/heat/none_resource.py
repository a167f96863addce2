"""OS::Heat::None: takes the place of a resource that an environment switches off."""

from __future__ import annotations

from typing import Any

from kamado.model.identifiers import new_id
from kamado.plugin.declare import resource_type
from kamado.plugin.resource import Resource


@resource_type("OS::Heat::None", since="5.0.0")
class NoneResource(Resource):
    """Accepts all properties, gives null for all attributes, does nothing."""

    heat_class = "NoneResource"
    local = True
    any_properties = True
    any_attributes = True
    always_replace_on_check_failed = False

    def handle_create(self) -> None:
        """Only an id."""
        self.set_physical_id(self.physical_id or new_id())

    def needs_replace_failed(self) -> bool:
        """Never: there is nothing that could be broken."""
        return False

    def handle_update(self, changes: Any) -> None:
        """Whatever has changed means nothing."""
