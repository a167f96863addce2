"""Software configs: what is to be run on servers, kept in the engine's own tables and never changed.

`Config` is the base; each type says what is kept. A config has the id of its row, so a create that is repeated after a crash makes
nothing twice.
"""

from __future__ import annotations

import uuid
from abc import abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import yaml

from kamado.plugin.declare import ANY, BOOLEAN, LIST, MAP, STRING, Attr, Prop, Properties, resource_type
from kamado.plugin.errors import PermanentError
from kamado.plugin.multipart import Part, multipart, own_parts
from kamado.plugin.resource import Resource
from kamado.plugin.rules import RESOURCE, Finding
from kamado.plugin.software import COMPONENT, IO_TYPES, UNGROUPED, NewConfig
from kamado.template.unknown import contains_unknown

_IO = (
    Prop("name", STRING, "Name.", required=True),
    Prop("description", STRING, "What it is for."),
    Prop("type", STRING, "Type of its values.", default="String", allowed=IO_TYPES),
)
INPUTS = Prop("inputs", LIST, "Inputs that the config takes.", fields=(
    *_IO,
    Prop("default", ANY, "Value when a deployment gives none."),
    Prop("replace_on_change", BOOLEAN, "Whether a deployment is replaced when its value changes.", default=False),
))  # fmt: skip
OUTPUTS = Prop("outputs", LIST, "Outputs that the server tells.", fields=(
    *_IO,
    Prop("error_output", BOOLEAN, "Whether a value means that the deployment failed.", default=False),
))  # fmt: skip
OPTIONS = Prop("options", MAP, "Options of the tool that runs the config.")
GROUP = Prop("group", STRING, "Tool (hook) on the server that runs the config.", default=UNGROUPED)


_NOTHING = {"String": "", "Number": 0, "CommaDelimitedList": [], "Json": {}, "Boolean": False}


def declared_inputs(properties: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The inputs with what the template leaves out: as in Heat, an input without a default has the nothing of its type for one."""
    given = properties.get("inputs") or ()
    return [{"description": "", "default": _NOTHING[str(one["type"])], **_said(one)} for one in given]


def declared_outputs(properties: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The outputs with what the template leaves out."""
    return [{"description": "", **_said(one)} for one in properties.get("outputs") or ()]


def _said(one: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in one.items() if value is not None}


class Config(Resource):
    """What all kinds of configs have in common."""

    can_find = True
    attributes = (Attr("config", STRING, "The config as it is kept."),)

    @abstractmethod
    def wanted(self) -> NewConfig:
        """What is kept."""

    def handle_create(self) -> None:
        """It is written down."""
        self.ports.software().make_config(self.id, self.wanted())
        self.set_physical_id(self.id)

    def find_existing(self, since: datetime, taken: Collection[str]) -> str | None:  # noqa: ARG002
        """By its id."""
        return None if self.ports.software().config(self.id) is None else self.id

    def handle_delete(self) -> None:
        """It is removed, unless a deployment has it."""
        if self.physical_id is not None:
            self.ports.software().remove_config(self.physical_id)

    def needs_replace_failed(self) -> bool:
        """A FAILED one is kept while it is there."""
        return self.physical_id is None or self.ports.software().config(self.physical_id) is None

    def read_attributes(self, names: Iterable[str]) -> dict[str, Any]:
        """All are read from the config itself; null when it is gone."""
        found = None if self.physical_id is None else self.ports.software().config(self.physical_id)
        return {name: found.config if found is not None and name == "config" else None for name in names}


class PlainConfig(Config):
    """A config that is kept as the properties say."""

    def wanted(self) -> NewConfig:
        """The properties."""
        given = self.properties
        return NewConfig(
            name=self.physical_name,
            group=given.get("group"),
            config=given.get("config"),
            inputs=declared_inputs(given),
            outputs=declared_outputs(given),
            options=given.get("options") or {},
        )


@resource_type("OS::Heat::SoftwareConfig", since="2014.1")
class SoftwareConfig(PlainConfig):
    """A text that a tool on servers runs."""

    properties = Properties(
        Prop("config", STRING, "The text (script, manifest); what it means is the tool's business."),
        GROUP,
        INPUTS,
        OPTIONS,
        OUTPUTS,
    )


@resource_type("OS::Heat::StructuredConfig", since="2014.1")
class StructuredConfig(PlainConfig):
    """A map for a tool on servers, in which a deployment fills in its inputs."""

    properties = Properties(
        Prop("config", MAP, "The map; wherever it has the deployment's input key, the input's value is put."),
        GROUP,
        INPUTS,
        OPTIONS,
        OUTPUTS,
    )


@resource_type("OS::Heat::CloudConfig", since="2014.1")
class CloudConfig(Config):
    """A configuration for cloud-init."""

    properties = Properties(Prop("cloud_config", MAP, "The configuration as a map."))

    def wanted(self) -> NewConfig:
        """The map as the text that cloud-init takes."""
        text = yaml.dump(self.properties.get("cloud_config"), Dumper=yaml.CSafeDumper)
        return NewConfig(name=self.physical_name, group=UNGROUPED, config=f"#cloud-config\n{text}")


@resource_type("OS::Heat::MultipartMime", since="2014.1")
class MultipartMime(Config):
    """Several configs as one multipart text for cloud-init."""

    properties = Properties(
        Prop("parts", LIST, "The parts.", default=[], fields=(
            Prop("config", STRING, "Content of the part: a text, or the ID of a config whose text it is.", required=True),
            Prop("filename", STRING, "Name of the file that the part is."),
            Prop("subtype", STRING, "Second half of the part's media type."),
            Prop("type", STRING, "Whether the content is one part, or a multipart text whose parts are all added.",
                 default="text", allowed=("text", "multipart")),
        )),
        Prop("group", STRING, "Group of the config.", default=UNGROUPED, since="14.0.0"),
    )  # fmt: skip

    def wanted(self) -> NewConfig:
        """All parts in one text."""
        parts = [part for given in self.properties.get("parts") or () for part in self._parts(given)]
        return NewConfig(name=self.physical_name, group=self.properties.get("group"), config=multipart(parts))

    def _parts(self, given: Mapping[str, Any]) -> Iterator[Part]:
        text = self._text(given["config"])
        if given.get("type") == "multipart":
            yield from (replace(part, filename=part.filename or None) for part in own_parts(text))
        else:
            yield Part(text, given.get("filename") or None, given.get("subtype") or "")

    def _text(self, content: str) -> str:
        try:
            uuid.UUID(content)
        except ValueError:
            return content
        found = self.ports.software().config(content)
        if found is not None and not isinstance(found.config, str):
            raise PermanentError(f"the config {content} has no text that could be a part")
        return content if found is None else found.config


@resource_type("OS::Heat::SoftwareComponent", since="2014.2")
class SoftwareComponent(Config):
    """Configs that belong together, one for each action of a stack."""

    properties = Properties(
        Prop("configs", LIST, "The configs; each action has at most one.", required=True, length=(1, None), fields=(
            Prop("actions", LIST, "Actions of the stack at which it is run.", default=["CREATE", "UPDATE"], length=(1, None),
                 items=STRING),
            Prop("config", STRING, "The text."),
            Prop("tool", STRING, "Tool (hook) on the server that runs it.", required=True),
        )),
        INPUTS,
        OPTIONS,
        OUTPUTS,
    )  # fmt: skip

    @classmethod
    def validate(cls, properties: Mapping[str, Any]) -> list[Finding]:
        """No action has two configs."""
        configs = properties.get("configs") or ()
        if contains_unknown(configs):
            return []
        actions = [action for config in configs for action in config.get("actions") or ()]
        if len(set(actions)) == len(actions):
            return []
        return [
            Finding(
                f'Defining more than one configuration for the same action in SoftwareComponent "{RESOURCE}" '
                "is not allowed."
            )
        ]

    def read_attributes(self, names: Iterable[str]) -> dict[str, Any]:
        """None: it has no single config."""
        return dict.fromkeys(names)

    def wanted(self) -> NewConfig:
        """All of them in one config of the group that deployments know."""
        given = self.properties
        configs = [{"config": None, **config} for config in given["configs"]]
        return NewConfig(
            name=self.physical_name,
            group=COMPONENT,
            config={"configs": configs},
            inputs=declared_inputs(given),
            outputs=declared_outputs(given),
            options=given.get("options") or {},
        )
