"""Signals that are left in a real Swift and a real Zaqar: boxes that are made, written to, read and removed.

With the owner's rights, and with those of a stack's user in a real Keystone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest
import requests

from kamado.cloud import users
from kamado.cloud.queues import Queue
from kamado.cloud.session import Cloud, CloudFactory, CloudSettings, ServiceUser
from kamado.model.identifiers import new_id
from kamado.plugin.signal_boxes import ObjectBox, QueueBox

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def factory() -> Iterator[CloudFactory]:
    url = os.environ["KAMADO_REAL_AUTH_URL"]
    user = ServiceUser(
        url, "heat", "secret", project_name="service", user_domain_id="default", project_domain_id="default"
    )
    keeper = ServiceUser(url, "heat_domain_admin", "secret", user_domain_name="heat")
    made = CloudFactory(CloudSettings(user, stack_domain_admin=keeper))
    yield made
    made.close()


@pytest.fixture
def demo(factory: CloudFactory) -> Cloud:
    return factory.for_user("demo", "demo", "demo")


def bodies(letters: object) -> list[object]:
    return [json.loads(letter.body) if isinstance(letter.body, bytes) else letter.body for letter in letters]  # type: ignore[attr-defined]


def test_each_writing_to_an_object_is_a_letter_and_is_read_once(demo: Cloud) -> None:
    name = f"kamado-{new_id()}"
    box, other = ObjectBox(demo, name, "first/one"), ObjectBox(demo, name, "second é")
    try:
        urls = [each.make(lambda: "a key that is only used where there is none") for each in (box, other, box)]
        assert urls[0] == urls[2]
        assert box.unread(()) == []
        for body in ({"n": 1}, {"n": 2}, {"n": 3}):
            assert requests.put(urls[0], data=json.dumps(body), timeout=30).status_code == 201
        assert requests.put(urls[1], data='{"n": 9}', timeout=30).status_code == 201
        letters = box.unread(())
        assert bodies(letters) == [{"n": 1}, {"n": 2}, {"n": 3}]
        assert requests.put(urls[0], data='{"n": 4}', timeout=30).status_code == 201
        later = box.unread([letter.id for letter in letters])
        assert bodies(later) == [{"n": 4}]
        assert box.unread([letter.id for letter in (*letters, *later)]) == []
        assert requests.get(urls[0], timeout=30).status_code == 401
        assert bodies(other.unread(())) == [{"n": 9}]
    finally:
        for each in (box, other, box):
            each.remove()
    assert demo.service("object-store").fetch("HEAD", f"/{name}", ok=(404,)) is None


def test_of_an_object_for_one_signal_the_last_writing_counts(demo: Cloud) -> None:
    name = f"kamado-{new_id()}"
    box = ObjectBox(demo, name, "one", several=False)
    try:
        url = box.make(lambda: "a key that is only used where there is none")
        for body in ('{"n": 1}', '{"n": 2}'):
            assert requests.put(url, data=body, timeout=30).status_code == 201
        assert bodies(box.unread(())) == [{"n": 2}]
    finally:
        box.remove()
    assert demo.service("object-store").fetch("HEAD", f"/{name}", ok=(404,)) is None


def test_a_stacks_user_posts_to_a_queue_of_its_project(factory: CloudFactory) -> None:
    name = f"kamado-{new_id()}"
    known: list[str] = []
    stack = users.StackUsers(factory, name, lambda: known[-1] if known else None, known.append)
    user = stack.make(name, "its password")
    try:
        cloud = stack.cloud(user, "its password")
        box, queue = QueueBox(cloud, name), Queue(cloud, name)
        assert box.unread(()) == []
        for number in range(25):
            queue.post({"n": number}, 300)
        letters = box.unread(())
        assert bodies(letters) == [{"n": number} for number in range(25)]
        assert len(box.unread([letter.id for letter in letters[:20]])) == 5
        box.forget(letters[:20])
        assert bodies(box.unread(())) == [{"n": number} for number in range(20, 25)]
        for _ in range(2):
            box.remove()
        assert box.unread(()) == []
    finally:
        stack.remove(user)
        for project in known:
            users.remove_project(factory, project)
