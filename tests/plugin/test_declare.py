"""A wrong declaration fails when its module is imported, and says what is wrong."""

import pytest

from kamado.plugin.declare import (
    BOOLEAN,
    INTEGER,
    LIST,
    MAP,
    NOT_SENT,
    STRING,
    Attr,
    DeclarationError,
    Prop,
    Properties,
    resource_type,
)
from kamado.plugin.resource import Resource
from kamado.plugin.rules import AnyOf
from kamado.plugin.side_calls import Tags
from kamado.template.schema import AllowedValues, Custom, Length, Range


def declare(**body: object) -> type[Resource]:
    cls: type[Resource] = resource_type("My::Own::Thing", since="1.0")(type("Thing", (Resource,), body))
    return cls


def test_a_declaration_becomes_a_schema() -> None:
    cls = declare(
        properties=Properties(
            Prop("name", STRING, "A name.", required=True, length=(1, None), check="dns_name"),
            Prop("size", INTEGER, default=3, low=1, high=9, update=True),
            Prop("kind", STRING, allowed=("a", "b"), secret=True),
            Prop("pools", LIST, fields=(Prop("start", STRING, refers="neutron.subnet"),)),
            Prop("map", MAP, fields=(Prop("on", BOOLEAN),)),
            Prop("old", STRING, instead="name", status="HIDDEN", since="5.0.0"),
        ),
        attributes=(Attr("status", STRING, live=True),),
        __doc__="A thing.",
    )
    schema = cls.schema
    assert (schema.name, schema.support.since, schema.description) == ("My::Own::Thing", "1.0", "A thing.")
    assert schema.properties["name"].constraints == (Length(1, None), Custom("dns_name"))
    assert schema.properties["size"].constraints == (Range(1, 9),)
    assert schema.properties["kind"].constraints == (AllowedValues(("a", "b")),)
    assert schema.properties["pools"].items is not None
    assert schema.properties["pools"].items.fields["start"].constraints == (Custom("neutron.subnet"),)
    assert schema.properties["map"].fields["on"].type is BOOLEAN
    assert schema.properties["old"].support.status == "HIDDEN"
    assert schema.aliases == {"old": "name"}
    assert schema.secrets == {"kind"}
    assert schema.live_attributes == {"status"}
    assert set(schema.attributes) == {"status", "show"}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"properties": Properties(Prop("a", STRING), Prop("a", STRING))}, "property declared twice: a"),
        ({"attributes": (Attr("a"), Attr("a"))}, "attribute declared twice: a"),
        ({"properties": Properties(Prop("a", LIST, body=NOT_SENT))}, "neither sent nor claimed: a"),
        ({"side_calls": (Tags("tags"),)}, "side calls claim unknown properties: tags"),
        ({"rules": (AnyOf("a"),)}, "a rule names a, which is not declared"),
        ({"properties": Properties(Prop("a", STRING, instead="b"))}, "a stands for b, which is not declared"),
    ],
)
def test_what_is_wrong_is_told(body: dict, text: str) -> None:
    with pytest.raises(DeclarationError, match=text):
        declare(**body)


def test_what_does_not_fit_a_property_is_told() -> None:
    with pytest.raises(DeclarationError, match="fields belong"):
        Prop("a", STRING, fields=())
    with pytest.raises(DeclarationError, match="items belong"):
        Prop("a", STRING, items=STRING)
    with pytest.raises(DeclarationError, match="either items or fields"):
        Prop("a", LIST, items=STRING, fields=())


def test_a_property_that_a_handler_deals_with_need_not_be_sent() -> None:
    assert declare(properties=Properties(Prop("a", STRING, body=NOT_SENT)), handled={"a"}).schema.properties["a"]
