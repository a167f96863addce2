"""OS::Swift, OS::Zaqar and OS::Barbican: things that are their names, or that a service keeps without a list."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest
import requests
from tests.types.rig import Rig, Saver

from kamado.cloud.objects import ObjectStore
from kamado.cloud.queues import Queue
from kamado.model.lifecycle import Action
from kamado.plugin import lifecycle


def test_a_container_with_everything(rig: Rig) -> None:
    given = {
        "name": "full",
        "X-Container-Read": ".r:*",
        "X-Container-Write": "p:u",
        "X-Container-Meta": {"Color": "blue"},
        "X-Account-Meta": {"Mood": "good"},
    }
    made = rig.make("OS::Swift::Container", given)
    assert made.reference() == made.physical_id == "full"
    told = made.read_attributes(())
    root = rig.cloud.service("object-store").base  # type: ignore[union-attr]
    assert (told["RootURL"], told["WebsiteURL"], told["DomainName"]) == (root, f"{root}/full", "127.0.0.1")
    assert (told["ObjectCount"], told["BytesUsed"]) == ("0", "0")
    head = told["HeadContainer"]
    assert (head["x-container-read"], head["x-container-meta-color"]) == (".r:*", "blue")
    account = rig.cloud.service("object-store").fetch("HEAD", "")  # type: ignore[union-attr]
    assert account.headers["X-Account-Meta-Mood"] == "good"
    rig.run(made, Action.CHECK)


def test_a_container_that_is_not_empty_stays_unless_it_may_be_purged(rig: Rig) -> None:
    assert rig.cloud is not None
    store = ObjectStore(rig.cloud)
    kept = rig.make("OS::Swift::Container", {}, name="kept")
    assert kept.physical_id == kept.physical_name
    store.write(str(kept.physical_id), "o", b"x")
    with pytest.raises(Exception, match="when PurgeOnDelete is False is not supported") as refused:
        rig.run(kept, Action.DELETE)
    reason = lifecycle.outcome(refused.value, "kept").reason
    assert reason.startswith("ResourceActionNotSupported: resources.kept: Deleting non-empty container")
    store.remove(str(kept.physical_id), "o")
    purged = rig.make("OS::Swift::Container", {"PurgeOnDelete": True}, name="purged")
    for number in range(130):
        store.write(str(purged.physical_id), f"o{number}", b"x")
    rig.run(purged, Action.DELETE)
    assert store.names(str(purged.physical_id), 1) is None
    rig.run(purged, Action.DELETE)  # it may be asked for again


@pytest.mark.parametrize("type_name", ["OS::Swift::Container", "OS::Zaqar::Queue"])
def test_what_is_its_name_is_made_once_whoever_dies(rig: Rig, type_name: str) -> None:
    made = rig.build(type_name, {}, saver=Saver())
    rig.made.append(made)
    for service, method in (("objectstore", "PUT"), ("messaging", "PUT")):
        rig.local.faults.add(service=service, method=method, action="lose", times=1)  # type: ignore[union-attr]
    rig.run(made, Action.CREATE)
    rig.run(made, Action.CREATE)
    assert made.physical_id == made.physical_name


def test_a_queue_and_its_metadata(rig: Rig) -> None:
    assert rig.cloud is not None
    made = rig.make("OS::Zaqar::Queue", {"name": "q", "metadata": {"a": 1, "b": [2]}})
    queue = Queue(rig.cloud, "q")

    def shown() -> dict[str, object]:
        return {name: value for name, value in queue.call("GET", "").items() if name[0] != "_"}

    assert (made.reference(), made.attribute("queue_id")) == ("q", "q")
    assert made.attribute("href") == f"{rig.cloud.address('messaging')}/v2/queues/q"
    assert made.attribute("show")["metadata"]["_default_message_ttl"] == 3600
    assert shown() == {"a": 1, "b": [2]}
    assert made.observe() == {}
    assert not rig.update(made, metadata={"a": 3, "c": "d"}).must_replace
    assert shown() == {"a": 3, "c": "d"}
    rig.update(made, metadata=None)
    assert shown() == {}
    assert rig.update(made, name="other").must_replace is True
    rig.run(made, Action.DELETE)
    rig.run(made, Action.DELETE)


def test_a_signed_url_is_a_right_to_a_queue(rig: Rig, local_cloud: object) -> None:
    assert rig.cloud is not None
    queue = rig.make("OS::Zaqar::Queue", {}, name="queue").physical_id
    given = {"queue": queue, "methods": ["GET", "POST"], "paths": ["messages"], "ttl": 600}
    made = rig.make("OS::Zaqar::SignedQueueURL", given)
    told = made.read_attributes(("signature", "expires", "paths", "methods", "project", "query_str"))
    assert (told["paths"], told["methods"]) == ([f"/v2/queues/{queue}/messages"], ["GET", "POST"])
    assert told["project"] == rig.cloud.project_id
    said = {name: value for name, (value,) in parse_qs(told["query_str"]).items()}
    assert (said["project_id"], said["queue_name"], said["methods"]) == (rig.cloud.project_id, queue, "GET,POST")
    assert said["signature"] == told["signature"]
    headers = {
        "URL-Signature": told["signature"],
        "URL-Expires": told["expires"],
        "URL-Methods": said["methods"],
        "URL-Paths": said["paths"],
        "X-Project-Id": told["project"],
        "Client-ID": "355186cd-d1e8-4108-a3ac-a2183697232a",
    }
    url = f"{rig.cloud.address('messaging')}/v2/queues/{queue}/messages"
    body = {"messages": [{"body": "signed", "ttl": 60}]}
    assert requests.post(url, json=body, headers=headers, timeout=30).status_code == 201
    assert [message.body for message in Queue(rig.cloud, str(queue)).messages()] == ["signed"]
    assert requests.delete(url, headers=headers, timeout=30).status_code == 404


def test_a_subscription_back_and_forth(rig: Rig) -> None:
    queue = rig.make("OS::Zaqar::Queue", {}, name="queue").physical_id
    given = {"queue_name": queue, "subscriber": "http://here.example/a", "ttl": 3600, "options": {"a": "b"}}
    made = rig.make("OS::Zaqar::Subscription", given)
    rig.run(made, Action.CHECK)
    for changed in ({"subscriber": "mailto:a@b.example"}, {"ttl": 7200}, {"options": {"c": "d"}}):
        before = {name: given[name] for name in changed}
        for values in (changed, before):
            assert not rig.update(made, **values).must_replace
            assert made.observe() == {}
            assert {name: made.attribute("show")[name] for name in values} == values
    rig.run(made, Action.CREATE)  # asked for again after a crash
    first = made.physical_id
    rig.run(made, Action.DELETE)
    rig.run(made, Action.DELETE)
    assert first is not None


SECRET = {
    "name": "s",
    "payload": "treasure",
    "payload_content_type": "text/plain",
    "mode": "cbc",
    "algorithm": "aes",
    "bit_length": 256,
    "secret_type": "passphrase",
    "expiration": "2099-01-01T00:00:00",
}


def test_a_secret_with_its_payload(rig: Rig) -> None:
    made = rig.make("OS::Barbican::Secret", SECRET)
    assert made.reference().startswith(rig.cloud.address("key-manager") + "/v1/secrets/")  # type: ignore[union-attr]
    assert made.read_attributes(()) == {"status": "ACTIVE", "decrypted_payload": "treasure"}
    shown = made.attribute("show")
    assert {name: shown[name] for name in ("name", "mode", "algorithm", "bit_length", "secret_type", "expiration")} == {
        name: SECRET[name] for name in ("name", "mode", "algorithm", "bit_length", "secret_type", "expiration")
    }
    rig.run(made, Action.CHECK)
    assert rig.update(rig.make("OS::Barbican::Secret", {}, name="other"), name="n").must_replace
    binary = {
        "payload": "AQID",
        "payload_content_type": "application/octet-stream",
        "payload_content_encoding": "base64",
    }
    assert rig.make("OS::Barbican::Secret", binary, name="binary").attribute("decrypted_payload") == "\x01\x02\x03"
    assert rig.make("OS::Barbican::Secret", {}, name="empty").attribute("decrypted_payload") is None
    rig.run(made, Action.DELETE)
    rig.run(made, Action.DELETE)
    with pytest.raises(Exception, match="Secret not found"):
        rig.run(made, Action.CHECK)


def test_a_secret_whose_answer_was_lost_is_taken_over(rig: Rig) -> None:
    made = rig.build("OS::Barbican::Secret", {**SECRET, "name": "lost"})
    rig.made.append(made)
    rig.local.faults.add(service="keymanager", method="POST", action="lose", times=1)  # type: ignore[union-attr]
    rig.create(made)
    found = rig.cloud.service("key-manager").get("/v1/secrets", params={"name": "lost"})  # type: ignore[union-attr]
    assert [each["secret_ref"] for each in found["secrets"]] == [made.physical_id]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"payload": "x"}, "payload cannot be specified without payload_content_type."),
        ({"payload_content_type": "text/plain"}, "payload_content_type cannot be specified without payload."),
    ],
)
def test_a_payload_says_what_it_is(rig: Rig, given: dict[str, str], sentence: str) -> None:
    cls = type(rig.build("OS::Barbican::Secret", {}))
    (finding,) = cls.validate(lifecycle.coerce(cls.schema, given))
    assert sentence in finding.told("s")
