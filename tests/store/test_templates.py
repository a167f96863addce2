"""Bodies that are stored by their content."""

from __future__ import annotations

import threading

import pytest

from kamado.store import Store


def test_equal_templates_are_one(store: Store) -> None:
    body = {"b": {"x": [1, None, "ü\0"]}, "a": "text"}
    key = store.templates.put(body)
    assert store.templates.put({"b": {"x": [1, None, "ü\0"]}, "a": "text"}) == key
    assert store.templates.put({"b": 1}) != key
    found = store.templates.get(key)
    assert found == body
    assert list(found) == ["b", "a"]
    assert store.templates.get(key) is found


def test_another_process_reads_what_this_one_put(store: Store) -> None:
    template, file = store.templates.put({"a": 1}), store.files.put("text")
    other = Store(store.url.render_as_string(hide_password=False), "key")
    assert other.templates.get(template) == {"a": 1}
    assert other.files.get(file) == "text"
    other.close()


@pytest.mark.parametrize(
    "text", ["", "line\n", "\0 binary \ud800 \N{PILE OF POO}", "x" * 3_000_000], ids=["empty", "line", "odd", "large"]
)
def test_any_text_is_a_file(store: Store, text: str) -> None:
    key = store.files.put(text)
    assert store.files.put(text) == key
    other = Store(store.url.render_as_string(hide_password=False), "key")
    assert other.files.get(key) == text
    other.close()


def test_unknown_ids(store: Store) -> None:
    with pytest.raises(KeyError):
        store.templates.get("0" * 64)
    with pytest.raises(KeyError):
        store.files.get("0" * 64)


def test_one_body_put_by_many_at_once(store: Store) -> None:
    start = threading.Barrier(6)
    keys: list[str] = []

    def put() -> None:
        start.wait()
        keys.append(store.templates.put({"same": "body"}))

    threads = [threading.Thread(target=put) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 6
    assert len(set(keys)) == 1
