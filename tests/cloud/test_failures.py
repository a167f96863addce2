"""What the services say when they refuse, in all the shapes in which they say it."""

import pytest

from kamado.cloud.failures import CloudError, FailureKind, classify


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ('{"NeutronError": {"type": "NetworkInUse", "message": "in use", "detail": ""}}', "in use"),
        ('{"NeutronError": {"type": "X", "message": "in use", "detail": "by a port"}}', "in use\nby a port"),
        ('{"conflictingRequest": {"code": 409, "message": "no"}}', "no"),
        ('{"error": {"code": 409, "message": "no", "title": "Conflict"}}', "no"),
        ('{"faultcode": "Client", "faultstring": "no", "debuginfo": null}', "no"),
        ('{"errors": [{"status": 409, "title": "Conflict", "detail": "no"}]}', "no"),
        ('{"message": "no"}', "no"),
        ('{"title": "Bad Request", "explanation": "e", "error": {"message": "no", "type": "T"}}', "no"),
        ('{"title": "Invalid API request", "description": "no"}', "no"),
        ('{"code": 404, "title": "Not Found", "description": "no"}', "no"),
        ('{"title": "404 Not Found"}', "404 Not Found"),
        ("plain words", "plain words"),
        ("<html><body>x</body></html>", "GET http://c/x: HTTP 409"),
        ("", "GET http://c/x: HTTP 409"),
        ("[]", "[]"),
        ('"words"', "words"),
    ],
)
def test_the_clouds_own_words(body: str, text: str) -> None:
    assert classify(409, body, headers={}, method="GET", url="http://c/x").message == text


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, FailureKind.BAD_REQUEST), (401, FailureKind.UNAUTHORIZED), (403, FailureKind.FORBIDDEN),
        (404, FailureKind.NOT_FOUND), (409, FailureKind.CONFLICT), (410, FailureKind.NOT_FOUND),
        (413, FailureKind.OVER_LIMIT), (422, FailureKind.BAD_REQUEST), (429, FailureKind.UNAVAILABLE),
        (500, FailureKind.SERVER_ERROR), (501, FailureKind.SERVER_ERROR), (502, FailureKind.UNAVAILABLE),
        (503, FailureKind.UNAVAILABLE), (504, FailureKind.UNAVAILABLE),
    ],
)  # fmt: skip
def test_kinds(status: int, kind: FailureKind) -> None:
    assert classify(status, "", headers={}).kind is kind


def test_what_heats_users_are_used_to() -> None:
    headers = {"X-Openstack-Request-Id": "req-1", "Retry-After": "3"}
    nova = classify(409, '{"conflictingRequest": {"message": "no"}}', headers=headers, service="compute")
    assert str(nova) == "no (HTTP 409) (Request-ID: req-1)"
    assert nova.retry_after == 3.0
    neutron = classify(
        409, '{"NeutronError": {"type": "OverQuota", "message": "no"}}', headers=headers, service="network"
    )
    assert str(neutron) == "no\nNeutron server returns request_ids: ['req-1']"
    assert neutron.error_class == "OverQuotaClient"
    glance = classify(
        400, '{"message": "no<br /><br />\\n\\n", "code": "400 Bad Request"}', headers=headers, service="image"
    )
    assert (str(glance), glance.error_class) == ("HTTP 400 Bad Request: no", "HTTPBadRequest")
    assert classify(503, "", headers={"Retry-After": "Fri, 01 Jan 2021 00:00:00 GMT"}).retry_after == 0.0
    assert str(CloudError(FailureKind.LOST, "cut")) == "cut"
