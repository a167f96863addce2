"""Fetching a template by URL, for operators who allow it: only from named hosts, at the address that was checked, no redirects.

Called by `outside`. The trap: a name may lead anywhere (to this machine, to a cloud's metadata service), and may lead somewhere else the
next time it is asked. So it is resolved once, what it leads to is checked, and the connection goes to that address.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

import urllib3
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from kamado.cloud.hosts import is_named

_CHUNK = 65536
_PORTS = {"http": 80, "https": 443}


class FetchError(Exception):
    """It was not fetched; the text says why."""


@dataclass(frozen=True, slots=True)
class FetchSettings:
    """``hosts``: names or addresses, ``*.example.org`` for all below one, ``*`` for any; none: nothing is fetched.

    ``timeout`` in seconds.
    """

    hosts: tuple[str, ...] = ()
    timeout: float = 60.0


def fetch(url: str, settings: FetchSettings, limit: int) -> str:
    """The text behind a URL.

    :param limit: most bytes that it may have.
    :raises FetchError: it may not be fetched, or could not be.
    """
    if not settings.hosts:
        raise FetchError("fetching by URL is not enabled on this server; send the template itself")
    parts, host, port = _taken_apart(url)
    if not is_named(host, settings.hosts):
        raise FetchError(f"{host} is not a host that this server fetches from")
    address = _checked_address(host, port, settings.hosts)
    path = parts.path or "/"
    target = f"{path}?{parts.query}" if parts.query else path
    timeout = urllib3.Timeout(connect=min(10.0, settings.timeout), read=settings.timeout)
    header = {"Host": parts.netloc, "Accept": "*/*", "User-Agent": "kamado"}
    try:
        with _pool(parts.scheme, address, port, host) as pool:
            answer = pool.urlopen(
                "GET", target, headers=header, redirect=False, retries=False, preload_content=False, timeout=timeout
            )
            return _text(answer, url, limit, time.monotonic() + settings.timeout)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise FetchError(f"Failed to retrieve data: {url} did not answer") from error


def _taken_apart(url: str) -> tuple[SplitResult, str, int]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise FetchError(f"Invalid URL: {error}") from error
    if parts.scheme not in _PORTS:
        raise FetchError(f"Invalid URL scheme {parts.scheme}")
    if not parts.hostname or parts.username is not None or parts.password is not None or not url.isprintable():
        raise FetchError("Invalid URL")
    return parts, parts.hostname.lower().rstrip("."), port or _PORTS[parts.scheme]


def _checked_address(host: str, port: int, hosts: tuple[str, ...]) -> str:
    """The first address of a host that is fit to be asked; an address that the operator named himself is."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise FetchError(f"Failed to retrieve data: {host} is not known") from error
    for *_, (address, *_rest) in found:
        if str(address) in hosts or _is_elsewhere(str(address)):
            return str(address)
    raise FetchError(f"{host} leads to an address that this server does not fetch from")


def _is_elsewhere(text: str) -> bool:
    """Whether an address is neither this machine's own nor one with a special meaning, such as a cloud's metadata service."""
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None:
        address = mapped
    return not (
        address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or address.is_reserved
    )


def _pool(scheme: str, address: str, port: int, host: str) -> Any:
    if scheme == "http":
        return urllib3.HTTPConnectionPool(address, port)
    return urllib3.HTTPSConnectionPool(
        address,
        port,
        server_hostname=host,
        assert_hostname=host,
        cert_reqs="CERT_REQUIRED",
        ca_certs=DEFAULT_CA_BUNDLE_PATH,
    )


def _text(answer: Any, url: str, limit: int, deadline: float) -> str:
    if answer.status != 200:
        raise FetchError(f"Failed to retrieve data: {url} answered {answer.status}")
    found = bytearray()
    for chunk in answer.stream(_CHUNK, decode_content=True):
        found += chunk
        if len(found) > limit:
            raise FetchError(f"Template exceeds maximum allowed size ({limit} bytes)")
        if time.monotonic() > deadline:
            raise FetchError(f"Failed to retrieve data: {url} took too long")
    try:
        return found.decode()
    except UnicodeDecodeError as error:
        raise FetchError(f"Failed to retrieve data: {url} is no text") from error
