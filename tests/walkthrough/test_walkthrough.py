"""Points 2 and 3 of the main road: the scenarios that also run on a real cloud."""

from tests.scenarios import first_stack, three_tier
from tests.scenarios.site import Site


def test_first_stack_by_the_openstack_command(site: Site) -> None:
    first_stack.walk_through(site)


def test_three_tiers_by_heatclient(site: Site) -> None:
    three_tier.life(site)
