"""Custom constraints that need no cloud."""

import time

import pytest

from kamado.plugin import finders

GOOD = {
    "ip_addr": ["10.0.0.1", "fe80::1"],
    "mac_addr": ["fa:16:3e:00:00:01", "FA-16-3E-00-00-01"],
    "net_cidr": ["10.0.0.0/24", "10.0.0.1/24", "fd00::/8"],
    "ip_or_cidr": ["10.0.0.1", "10.0.0.0/8"],
    "dns_name": ["a", "a.example.org.", "a-b.c", ""],
    "rel_dns_name": ["www"],
    "dns_domain": ["example.org.", ""],
    "iso_8601": ["2030-01-01T00:00:00Z", "2030-01-01"],
    "expiration": ["2130-01-01T00:00:00Z", ""],
    "json_string": ['{"a": 1}'],
    "timezone": ["Europe/Berlin", ""],
    "cron_expression": ["* * * * *", "0 23 1-5 jan mon", "*/5 * * * *", "0 0 * * * 30"],
    "test_constr": [0],
    "no.such": ["anything"],
}
BAD = {
    "ip_addr": ["10.0.0.256", "x", ""],
    "mac_addr": ["fa:16:3e", "zz:16:3e:00:00:01"],
    "net_cidr": ["10.0.0.0/33", "10.0.0.0", "x"],
    "ip_or_cidr": ["x"],
    "dns_name": ["-a", "a..b", "a" * 64, "a.1", "x" * 300],
    "rel_dns_name": ["www.", "a" * 253],
    "dns_domain": ["example.org", "org.", "-."],
    "iso_8601": ["tomorrow"],
    "expiration": ["2000-01-01", "x"],
    "json_string": ["{"],
    "timezone": ["Mars/Base", "../etc"],
    "cron_expression": ["* * * *", "61 * * * *", "* * * * x", "*/0 * * * *"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in GOOD.items() for value in values])
def test_good(name: str, value: object) -> None:
    assert finders.check(name, value, None) is None


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_bad(name: str, value: object) -> None:
    assert finders.check(name, value, None)


def test_a_check_that_takes_its_time() -> None:
    began = time.monotonic()
    assert finders.check("test_constr", 0.05, None) is None
    assert time.monotonic() - began >= 0.05
