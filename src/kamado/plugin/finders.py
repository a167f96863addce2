"""Names become ids, and custom constraints are checked: one table for both.

`find` is called by resource types, `check` by whoever coerces values with a cloud at hand. The trap: a thing that is
made by the same template does not exist when the template is checked; such a value is UNKNOWN then and never gets
here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from kamado.cloud.failures import CloudError
from kamado.cloud.session import Cloud
from kamado.plugin.checks import CHECKS
from kamado.plugin.errors import NotFoundByName

_UUID = re.compile(r"[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\Z")


def is_id(value: object) -> bool:
    """Whether it looks like an id that OpenStack has given."""
    return isinstance(value, str) and _UUID.match(value) is not None


def same_id(one: str, other: str) -> bool:
    """Whether two ids are the same, with or without dashes."""
    return one.replace("-", "").lower() == other.replace("-", "").lower()


_KEPT_SECONDS = 60.0

Look = Callable[[Cloud, str], list[str]]
"""(cloud, name or id) → ids of what is called so; a hit by id comes alone."""


@dataclass(frozen=True)
class Finder:
    """How things of one kind are found.

    ``by_list``: an id is looked for with a list call too, as Neutron's client does; else by GET on the thing.
    ``id_key``: what counts as the id. ``name_filter``: the list call filters by name (else here). ``missing`` and
    ``many``: what is said, with {value}; ``heat_name``: error class shown. ``placed``: the error
    names the property.
    """

    constraint: str
    service: str
    path: str
    envelope: str
    label: str
    plural: str = ""
    by_list: bool = False
    id_key: str = "id"
    name_key: str = "name"
    name_filter: bool = True
    params: Mapping[str, str] | None = None
    missing: str = "The {label} ({value}) could not be found."
    many: str = "Multiple {label} matches found for name '{value}', use an ID to be more specific."
    heat_name: str = "EntityNotFound"
    placed: bool = True

    @property
    def key(self) -> str:
        """The key around a list."""
        return self.plural or f"{self.envelope}s"

    def look(self, cloud: Cloud, value: str) -> list[str]:
        """Ids of what is called so."""
        service = cloud.service(self.service)
        if self.by_list:
            if is_id(value):
                hits = service.list(self.path, self.key, {"fields": "id", "id": value})
                if hits:
                    return [value]
            found = service.list(self.path, self.key, {"fields": "id", "name": value})
            return [str(thing["id"]) for thing in found]
        try:
            thing = service.get(f"{self.path}/{quote(value, safe='')}")
            body = thing.get(self.envelope, thing) if self.envelope else thing
            return [str(body[self.id_key])]
        except CloudError as error:
            if not error.not_found and error.status != 400:
                raise
        params = dict(self.params or {})
        if self.name_filter:
            params[self.name_key] = value
        things = [thing.get(self.envelope, thing) for thing in service.list(self.path, self.key, params)]
        return [str(thing[self.id_key]) for thing in things if thing.get(self.name_key) == value]


FINDERS: dict[str, Finder] = {}


def register(*found: Finder) -> None:
    """Adds finders to the table; a later one of a name wins."""
    for finder in found:
        FINDERS[finder.constraint] = finder


def find(constraint: str, value: Any, cloud: Cloud) -> Any:
    """The id of what is called ``value``.

    Raises NotFoundByName when there is nothing or more than one, CloudError when the cloud does not answer.

    A constraint without a finder has no names: the value is the id. Hits are kept for a minute for each credential.
    """
    finder = FINDERS.get(constraint)
    if finder is None or not isinstance(value, str) or value == "":
        return value
    return cloud.remember((constraint, value), _KEPT_SECONDS, lambda: _one(finder, value, cloud))


def _one(finder: Finder, value: str, cloud: Cloud) -> str:
    hits = finder.look(cloud, value)
    if len(hits) == 1:
        return hits[0]
    text = finder.missing if not hits else finder.many
    raise NotFoundByName(text.format(label=finder.label, value=value), finder.heat_name, placed=finder.placed)


UNASKED = frozenset(
    (
        *("barbican.container", "barbican.secret", "blazar.reservation", "designate.zone", "ironic.node"),
        *("ironic.portgroup", "magnum.cluster_template", "manila.share_network", "manila.share_snapshot"),
        *("manila.share_type", "mistral.workflow", "neutron.flow_classifier", "neutron.lbaas.listener"),
        *("neutron.lbaas.loadbalancer", "neutron.lbaas.pool", "neutron.lbaas.provider", "neutron.port_pair"),
        *("neutron.port_pair_group", "neutron.taas.tap_flow", "neutron.taas.tap_service", "nova.host"),
        *("nova.network", "octavia.availabilityzone", "octavia.availabilityzoneprofile", "octavia.flavor"),
        *("octavia.flavorprofile", "octavia.l7policy", "octavia.listener", "octavia.loadbalancer", "octavia.pool"),
        *("trove.flavor", "zaqar.queue"),
    )
)
"""Constraints that Heat has and that are taken as met here as long as they have no finder."""


def known(constraint: str) -> bool:
    """Whether there is a custom constraint of that name."""
    return constraint in CHECKS or constraint in FINDERS or constraint in UNASKED


def check(constraint: str, value: Any, cloud: Callable[[], Cloud] | None) -> str | None:
    """What is wrong with a value under a custom constraint, in Heat's words; None when it holds.

    ``cloud`` None: constraints that need one are taken as met. Raises CloudError when the cloud does not answer.
    """
    if constraint in CHECKS:
        return CHECKS[constraint](value)
    if constraint not in FINDERS or cloud is None or value == "":
        return None
    try:
        find(constraint, value, cloud())
    except NotFoundByName as error:
        return error.message
    return None


def _network(name: str, path: str, label: str | None = None) -> Finder:
    envelope = path.rsplit("/", 1)[-1].replace("-", "_")
    plural = envelope
    envelope = envelope[:-3] + "y" if envelope.endswith("ies") else envelope[:-1]
    return Finder(
        f"neutron.{name}", "network", path, envelope, label or envelope, plural, by_list=True,
        missing="Unable to find {label} with name or id '{value}'", heat_name="NotFound",
        many="Multiple {label}s matches found for name '{value}', use an ID to be more specific.",
    )  # fmt: skip


register(
    _network("network", "/v2.0/networks"),
    _network("subnet", "/v2.0/subnets"),
    _network("port", "/v2.0/ports"),
    _network("router", "/v2.0/routers"),
    _network("subnetpool", "/v2.0/subnetpools"),
    _network("address_scope", "/v2.0/address-scopes"),
    _network("qos_policy", "/v2.0/qos/policies", "policy"),
    _network("security_group", "/v2.0/security-groups"),
    _network("segment", "/v2.0/segments"),
    Finder("neutron.security_group by name", "network", "/v2.0/security-groups", "security_group", "Resource", by_list=True,
           placed=False),
    Finder("nova.flavor", "compute", "/flavors", "flavor", "Flavor", params={"is_public": "None"}, name_filter=False,
           missing="No Flavor matching {{'name': '{value}'}}. (HTTP 404)"),
    Finder("nova.server", "compute", "/servers", "server", "Server", missing="The Server ({value}) could not be found."),
    Finder("nova.keypair", "compute", "/os-keypairs", "keypair", "Key", id_key="name", name_filter=False,
           missing="The Key ({value}) could not be found."),
    Finder("glance.image", "image", "/v2/images", "", "image", "images",
           missing="No images matching {{'name': '{value}'}}."),
    Finder("cinder.volume", "volumev3", "/volumes", "volume", "Volume"),
    Finder("cinder.snapshot", "volumev3", "/snapshots", "snapshot", "VolumeSnapshot"),
    Finder("cinder.backup", "volumev3", "/backups", "backup", "Volume backup"),
    Finder("cinder.vtype", "volumev3", "/types", "volume_type", "VolumeType", name_filter=False),
    Finder("cinder.qos_specs", "volumev3", "/qos-specs", "qos_specs", "QoSSpecs", "qos_specs", name_filter=False),
    Finder("keystone.project", "identity", "/v3/projects", "project", "KeystoneProject"),
    Finder("keystone.user", "identity", "/v3/users", "user", "KeystoneUser"),
    Finder("keystone.group", "identity", "/v3/groups", "group", "KeystoneGroup"),
    Finder("keystone.role", "identity", "/v3/roles", "role", "KeystoneRole"),
    Finder("keystone.domain", "identity", "/v3/domains", "domain", "KeystoneDomain"),
    Finder("keystone.service", "identity", "/v3/services", "service", "KeystoneService"),
    Finder("keystone.region", "identity", "/v3/regions", "region", "KeystoneRegion", name_key="id", name_filter=False),
)  # fmt: skip
