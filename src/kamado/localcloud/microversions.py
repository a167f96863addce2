"""Microversions, as Nova and Cinder speak them: `OpenStack-API-Version: compute 2.79`, or `latest`.

`of(call)` gives what a request asked for; a service's `before` checks it with `negotiate` and its `after` says it back with
`headers`. The trap: without a header the oldest version is meant, not the newest.
"""

import re
from dataclasses import dataclass

from kamado.localcloud.service import Answer, Call, Refusal

Version = tuple[int, int]
FORM = re.compile(r"^(\d+)\.(\d+)$")


@dataclass(frozen=True)
class Span:
    """Which versions a service speaks; `word` is its name in the header, `old_header` the one of former times."""

    word: str
    least: Version
    most: Version
    old_header: str = ""


def text(version: Version) -> str:
    """A version as in a header."""
    return f"{version[0]}.{version[1]}"


def negotiate(call: Call, span: Span) -> Version:
    """What the request asks for: 400 when it is no version, 406 when the service does not speak it."""
    asked = _asked(call, span)
    if not asked:
        version = span.least
    elif asked == "latest":
        version = span.most
    else:
        match = FORM.match(asked)
        if not match:
            raise Refusal(400, f"API Version String {asked} is of invalid format. Must be of format MajorNum.MinorNum.")
        version = (int(match.group(1)), int(match.group(2)))
        if not span.least <= version <= span.most:
            bounds = f"Minimum is {text(span.least)} and maximum is {text(span.most)}."
            raise Refusal(406, f"Version {asked} is not supported by the API. {bounds}")
    call.notes["microversion"] = version
    return version


def _asked(call: Call, span: Span) -> str:
    for part in call.header("OpenStack-API-Version").split(","):
        word, _, asked = part.strip().partition(" ")
        if word.lower() == span.word:
            return asked.strip()
    return call.header(span.old_header) if span.old_header else ""


def of(call: Call) -> Version:
    """The version that this request is answered in."""
    found: Version = call.notes.get("microversion", (0, 0))
    return found


def from_version(call: Call, least: Version) -> None:
    """404 for what did not exist in the request's version."""
    if of(call) < least:
        raise Refusal(404, "The resource could not be found.")


def headers(call: Call, answer: Answer, span: Span) -> Answer:
    """The answer, saying which version it is in."""
    version = of(call)
    if version == (0, 0):
        return answer
    said = {"OpenStack-API-Version": f"{span.word} {text(version)}", "Vary": "OpenStack-API-Version"}
    if span.old_header:
        said[span.old_header] = text(version)
        said["Vary"] = f"OpenStack-API-Version, {span.old_header}"
    return Answer(answer.status, answer.body, {**said, **answer.headers}, answer.raw, answer.media)
