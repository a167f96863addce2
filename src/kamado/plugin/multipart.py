"""Texts of several parts (multipart/mixed), as cloud-init takes them for user data.

Used by servers and by OS::Heat::MultipartMime. The trap: the same parts must give the same text each time, boundary included, for it is
compared and sent again after a crash.
"""

from __future__ import annotations

import email
import email.message
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText


@dataclass(frozen=True, slots=True)
class Part:
    """One attachment: its content, its file name (None: none is told) and the second half of its type (empty: plain text)."""

    content: str
    filename: str | None
    subtype: str


def own_parts(text: str) -> list[Part]:
    """The parts of a text that is multipart itself; else the text as one plain part."""
    message = email.message_from_string(text)
    if not message.is_multipart():
        return [Part(text, "", "")]
    return [
        Part(_payload(part), part.get_filename() or "", part.get_content_subtype())
        for part in message.walk()
        if not part.is_multipart()
    ]


def _payload(part: email.message.Message) -> str:
    raw = part.get_payload(decode=True)
    if not isinstance(raw, bytes):
        return ""
    return raw.decode(part.get_content_charset() or "utf-8", "replace")


def multipart(parts: Sequence[Part]) -> str:
    """The parts as one multipart/mixed text."""
    digest = hashlib.sha256(repr([(part.content, part.filename, part.subtype) for part in parts]).encode()).hexdigest()
    whole = MIMEMultipart(boundary=f"==============={digest[:32]}==")
    for part in parts:
        charset = "us-ascii" if part.content.isascii() else "utf-8"
        attachment = MIMEText(part.content, part.subtype or "plain", charset)
        if part.filename is not None:
            attachment.add_header("Content-Disposition", "attachment", filename=part.filename)
        whole.attach(attachment)
    return whole.as_string()
