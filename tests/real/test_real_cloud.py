"""The scenarios of the main road on a real cloud; `make test-real` starts one and says where it is."""

import os

import pytest
from tests.scenarios import first_stack, three_tier
from tests.scenarios.site import Site, user

pytestmark = pytest.mark.real


@pytest.fixture
def site() -> Site:
    """Kamado beside a real cloud, as user demo sees it."""
    auth_url = os.environ["KAMADO_REAL_AUTH_URL"]
    return Site(user(auth_url, "demo", "demo"), user(auth_url, "alt_demo", "demo"))


def test_first_stack_by_the_openstack_command(site: Site) -> None:
    first_stack.walk_through(site)


def test_three_tiers_by_heatclient(site: Site) -> None:
    three_tier.life(site)
