"""OS::Heat::RandomString: a secret that is made once and kept."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping, Sequence
from typing import Any

from kamado.plugin.declare import INTEGER, LIST, NOT_SENT, STRING, Attr, Prop, Properties, resource_type
from kamado.plugin.resource import Resource
from kamado.plugin.rules import Finding
from kamado.template.unknown import contains_unknown

CLASSES: Mapping[str, str] = {
    "lettersdigits": string.ascii_letters + string.digits,
    "letters": string.ascii_letters,
    "lowercase": string.ascii_lowercase,
    "uppercase": string.ascii_uppercase,
    "digits": string.digits,
    "hexdigits": string.digits + "ABCDEF",
    "octdigits": string.octdigits,
}

_CLASS_NAMES = tuple(CLASSES)
_DEFAULT = [{"class": "lettersdigits", "min": 1}]


@resource_type("OS::Heat::RandomString", since="2014.1")
class RandomString(Resource):
    """A random text, for passwords and tokens. It stays the same until it is replaced: a new salt does that."""

    local = True
    secret = True
    handled = {"sequence"}
    properties = Properties(
        Prop("length", INTEGER, "Number of characters.", default=32, low=1, high=512),
        Prop("sequence", STRING, "Kind of characters; use character_classes.", allowed=_CLASS_NAMES, since="5.0.0",
             status="HIDDEN", body=NOT_SENT),
        Prop("character_classes", LIST, "Kinds of characters, each with a least number.", default=_DEFAULT, fields=(
            Prop("class", STRING, "Kind of characters.", default="lettersdigits", allowed=_CLASS_NAMES),
            Prop("min", INTEGER, "How many at least.", default=1, low=1, high=512),
        )),
        Prop("character_sequences", LIST, "Characters written out, each row with a least number of any of its own.", fields=(
            Prop("sequence", STRING, "The characters to choose from.", required=True),
            Prop("min", INTEGER, "How many at least.", default=1, low=1, high=512),
        )),
        Prop("salt", STRING, "Any text; another one makes a new value."),
    )  # fmt: skip
    attributes = (Attr("value", STRING, "The text.", live=True),)

    @classmethod
    def validate(cls, properties: Mapping[str, Any]) -> list[Finding]:
        """The length holds all that is asked for."""
        if contains_unknown(dict(properties)):
            return []
        classes, sequences = _wanted(properties)
        if not classes and not sequences:
            return [Finding("One of character_classes and character_sequences must name something.")]
        if properties.get("sequence") and properties.get("character_classes", _DEFAULT) != _DEFAULT:
            return [Finding("sequence is another way to write character_classes: only one of the two may be given.")]
        if properties.get("length", 32) < sum(item["min"] for item in (*classes, *sequences)):
            return [
                Finding(
                    "Length property cannot be smaller than combined character class and character sequence minimums"
                )
            ]
        return []

    def handle_create(self) -> None:
        """Makes the text; a create that is repeated keeps the one that was recorded."""
        if "value" not in self.data:
            classes, sequences = _wanted(self.properties)
            self.set_data("value", generate(self.properties.get("length", 32), classes, sequences))
        self.set_physical_id(self.physical_name)

    def attribute(self, name: str) -> Any:
        """The text."""
        return self.data.get("value") if name == "value" else None

    def reference(self) -> str:
        """The text itself, as in Heat."""
        return self.data.get("value") or self.name


def _wanted(properties: Mapping[str, Any]) -> tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]]:
    classes: Sequence[Mapping[str, Any]] = properties.get("character_classes", _DEFAULT) or []
    if properties.get("sequence"):
        classes = [{"class": properties["sequence"], "min": 1}]
    return classes, [item for item in properties.get("character_sequences") or [] if item["sequence"]]


def generate(length: int, classes: Sequence[Mapping[str, Any]], sequences: Sequence[Mapping[str, Any]]) -> str:
    """A text of ``length`` characters with at least ``min`` of each class and of each sequence's characters, in random order.

    What is left is filled from all of them.
    """
    sets = [(CLASSES[item["class"]], item["min"]) for item in classes]
    sets += [(item["sequence"], item["min"]) for item in sequences]
    found = [secrets.choice(characters) for characters, least in sets for _ in range(least)]
    # A set is picked first, so that digits are not drowned by letters when both are asked for.
    found += [secrets.choice(secrets.choice(sets)[0]) for _ in range(length - len(found))]
    secrets.SystemRandom().shuffle(found)
    return "".join(found)
