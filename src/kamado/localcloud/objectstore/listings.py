"""Listings of accounts and containers: what is chosen, and the three formats.

Called by `holders`. The trap: names are ordered by their UTF-8 bytes, and a marker need not be the name of anything.
"""

import json
from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

from kamado.localcloud.service import Answer, Call, Refusal
from kamado.localcloud.state import Obj

MOST = 10_000
_FORMATS = {"json": "application/json", "xml": "application/xml", "plain": "text/plain"}


def media_of(call: Call) -> str:
    """The format that is asked for; 406 when it is none of the three."""
    if "format" in call.query:
        return _FORMATS.get(call.arg("format").lower(), "text/plain")
    accepted = [part.partition(";")[0].strip().lower() for part in call.header("Accept", "*/*").split(",")]
    for each in accepted:
        found = {"*/*": "text/plain", "text/*": "text/plain", "text/xml": "application/xml"}.get(each, each)
        if found in _FORMATS.values():
            return found
    raise Refusal(406)


def chosen(call: Call, rows: Iterable[Obj]) -> list[Obj]:
    """The rows that the query asks for, those under a common part of their names as one with a ``subdir``."""
    limit = call.arg("limit")
    most = int(limit) if limit.isdigit() else MOST
    if most > MOST:
        raise Refusal(412, f"Maximum limit is {MOST}")
    prefix, delimiter, marker, end = (call.arg(name) for name in ("prefix", "delimiter", "marker", "end_marker"))
    if "path" in call.query:
        path = call.arg("path").strip("/")
        prefix, delimiter = (f"{path}/" if path else ""), "/"
    backwards = call.arg("reverse").lower() in ("true", "1", "yes", "on", "t", "y")
    if backwards:
        marker, end = end, marker
    found: dict[str, Obj] = {}
    for row in sorted(rows, key=lambda each: each["name"].encode()):
        name = row["name"]
        if not name.startswith(prefix):
            continue
        head, cut, _ = name[len(prefix) :].partition(delimiter) if delimiter else (name, "", "")
        if cut:
            name = prefix + head + cut
            row = {"subdir": name}
        if name in found or (marker and name.encode() <= marker.encode()) or (end and name.encode() >= end.encode()):
            continue
        found[name] = row
    kept = [row for row in found.values() if "subdir" not in row or "path" not in call.query]
    return (kept[::-1] if backwards else kept)[:most]


def answer(call: Call, kind: str, holder: str, rows: list[Obj], headers: dict[str, str]) -> Answer:
    """A listing of ``kind`` (container, object) in what ``holder`` names."""
    media = media_of(call)
    if call.method == "HEAD":
        return Answer(204, None, headers, b"", "text/plain; charset=utf-8")
    if media == "application/json":
        body = json.dumps(rows, ensure_ascii=True).encode()
    elif media == "application/xml":
        body = _xml(kind, holder, rows)
    else:
        body = "".join(f"{row.get('name') or row['subdir']}\n" for row in rows).encode()
    status = 204 if media == "text/plain" and not rows else 200
    return Answer(status, None, headers, body, f"{media}; charset=utf-8")


def _xml(kind: str, holder: str, rows: list[Obj]) -> bytes:
    outer = "account" if kind == "container" else "container"
    inside = "".join(_element(kind, row) for row in rows)
    shell = f"<{outer} name={quoteattr(holder)}"
    whole = f"{shell}>{inside}</{outer}>" if inside else f"{shell} />"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{whole}'.encode()


def _element(kind: str, row: Obj) -> str:
    if "subdir" in row:
        return f"<subdir name={quoteattr(row['subdir'])}><name>{escape(row['subdir'])}</name></subdir>"
    names = ("name", "count", "bytes", "last_modified") if kind == "container" else _OBJECT
    return f"<{kind}>{''.join(f'<{name}>{escape(str(row[name]))}</{name}>' for name in names)}</{kind}>"


_OBJECT = ("name", "hash", "bytes", "content_type", "last_modified")
