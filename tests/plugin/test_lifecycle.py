"""What the engine sees of a resource: comparison of properties, outcomes of errors, coercion under old names."""

import pytest

from kamado.cloud.failures import CloudError, FailureKind, classify
from kamado.plugin import lifecycle
from kamado.plugin.declare import INTEGER, LIST, STRING, Prop, Properties, resource_type
from kamado.plugin.errors import (
    NotFoundInCloud,
    PermanentError,
    ReplacementNeeded,
    ResourceInError,
    TemporaryError,
)
from kamado.plugin.lifecycle import ErrorKind, Outcome, OutcomeKind, PropertyChanges
from kamado.plugin.resource import Resource
from kamado.template.schema import ValuesInvalid
from kamado.template.unknown import UNKNOWN


@resource_type("My::Own::Thing")
class Thing(Resource):
    """A thing."""

    properties = Properties(
        Prop("name", STRING, update=True),
        Prop("size", INTEGER, required=True),
        Prop("old_size", INTEGER, instead="size"),
        Prop("fixed", STRING, immutable=True),
        Prop("set", LIST, update=True, as_set=True),
        Prop("many", LIST, update=True),
        Prop("one", STRING, instead="many"),
    )


SCHEMA = Thing.schema


def test_no_difference() -> None:
    assert not lifecycle.diff(SCHEMA, {"name": "a"}, {"name": "a"})
    assert not lifecycle.diff(SCHEMA, {"name": None}, {})
    assert not lifecycle.diff(SCHEMA, {"set": [1, 2]}, {"set": [2, 1]})
    assert not lifecycle.diff(SCHEMA, {"old_size": 3}, {"size": 3})
    assert not lifecycle.diff(SCHEMA, {"one": "x"}, {"many": ["x"]})


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ({"name": "a"}, {"name": "b"}, PropertyChanges({"name": "b"}, ("name",))),
        ({"name": "a"}, {}, PropertyChanges({"name": None}, ("name",))),
        ({"size": 1}, {"size": 2}, PropertyChanges({"size": 2}, ("size",), replace=("size",))),
        ({"fixed": "a"}, {"fixed": "b"}, PropertyChanges({"fixed": "b"}, ("fixed",), refused=("fixed",))),
        ({"many": [1, 2]}, {"many": [2, 1]}, PropertyChanges({"many": [2, 1]}, ("many",))),
        ({"name": "a"}, {"name": UNKNOWN}, PropertyChanges({"name": UNKNOWN}, ("name",), undecided=("name",))),
        ({"many": [{"a": {"b": 1}}]}, {"many": [{"a": {"b": UNKNOWN}}]},
         PropertyChanges({"many": [{"a": {"b": UNKNOWN}}]}, ("many",), undecided=("many",))),
    ],
)  # fmt: skip
def test_differences(old: dict, new: dict, changes: PropertyChanges) -> None:
    assert lifecycle.diff(SCHEMA, old, new) == changes


def test_places_inside_maps_are_named() -> None:
    assert lifecycle.diff(SCHEMA, {"name": {"a": 1, "b": {"c": 2}}}, {"name": {"b": {"c": 3}}}).paths == (
        "name.b.c",
        "name.a",
    )


def test_old_names_count_as_given() -> None:
    assert lifecycle.coerce(SCHEMA, {"old_size": "3", "one": "x"}) == {"size": 3, "many": ["x"]}
    with pytest.raises(ValuesInvalid, match="Property size not assigned"):
        lifecycle.coerce(SCHEMA, {})
    with pytest.raises(ValuesInvalid) as wrong:
        lifecycle.coerce(SCHEMA, {"old_size": "x"})
    assert wrong.value.errors[0].dotted == "old_size"


def cloud_error(status: int, **headers: str) -> CloudError:
    return classify(status, '{"NeutronError": {"type": "Odd", "message": "words"}}', headers=headers, method="POST")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ResourceInError("ERROR", "no host"),
         Outcome(OutcomeKind.FAIL, 'ResourceInError: resources.it: Went to status ERROR due to "no host"',
                     error=ErrorKind.BROKEN)),
        (TemporaryError("busy", 3.0), Outcome(OutcomeKind.RETRY, "Error: resources.it: busy", 3.0)),
        (TemporaryError("lost", unknown=True), Outcome(OutcomeKind.RETRY, "Error: resources.it: lost", None, True)),
        (PermanentError("no", "BadThing"), Outcome(OutcomeKind.FAIL, "BadThing: resources.it: no")),
        (ReplacementNeeded("it"), Outcome(OutcomeKind.REPLACE, "ReplacementNeeded: resources.it: it")),
        (NotFoundInCloud("gone"), Outcome(OutcomeKind.GONE, "NotFound: resources.it: gone")),
        (ValueError("x"), Outcome(OutcomeKind.FAIL, "ValueError: resources.it: x")),
        (cloud_error(404), Outcome(OutcomeKind.FAIL, "NotFound: resources.it: words")),
        (cloud_error(409), Outcome(OutcomeKind.FAIL, "Conflict: resources.it: words", error=ErrorKind.CONFLICT)),
        (cloud_error(400), Outcome(OutcomeKind.FAIL, "BadRequest: resources.it: words")),
        (cloud_error(403), Outcome(OutcomeKind.FAIL, "Forbidden: resources.it: words")),
        (cloud_error(500), Outcome(OutcomeKind.FAIL, "InternalServerError: resources.it: words", error=ErrorKind.TROUBLE)),
        (cloud_error(503, **{"Retry-After": "7"}),
         Outcome(OutcomeKind.RETRY, "ServiceUnavailable: resources.it: words", 7.0)),
        (cloud_error(504), Outcome(OutcomeKind.RETRY, "ServiceUnavailable: resources.it: words", None, True)),
        (cloud_error(413), Outcome(OutcomeKind.FAIL, "OverLimit: resources.it: words")),
        (CloudError(FailureKind.LOST, "cut"), Outcome(OutcomeKind.RETRY, "ConnectionFailed: resources.it: cut", None, True)),
        (CloudError(FailureKind.UNREACHABLE, "no"), Outcome(OutcomeKind.RETRY, "ConnectionFailed: resources.it: no")),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_outcomes(error: Exception, outcome: Outcome) -> None:
    assert lifecycle.outcome(error, "it") == outcome


def test_a_temporary_error_shows_what_is_behind_it() -> None:
    with pytest.raises(TemporaryError) as busy:
        raise TemporaryError("in use") from cloud_error(409)
    assert lifecycle.outcome(busy.value, "it").reason == "Conflict: resources.it: in use"
    assert lifecycle.outcome(ValueError("x")).reason == "ValueError: x"
