"""A storm: users change stacks at random while the cloud loses requests and answers, and engines are killed, asked to end, and stopped
for less and for more than their lease. Afterwards everything ends, and the cloud is as empty as the database.

A seed decides what is done; when it meets what, is left to the machine. It runs by `make test-cluster`.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.cluster.cluster import Cluster
from tests.cluster.conftest import Start
from tests.cluster.processes import Process, until
from tests.scenarios.site import Site

pytestmark = [pytest.mark.servers, pytest.mark.cluster, pytest.mark.timeout(600)]

SECONDS = 40
LEASE = 4

TROUBLE: tuple[dict[str, Any], ...] = (
    {"method": "POST", "action": "lose", "probability": 0.03},
    {"method": "POST", "action": "lose_answer", "status": 504, "probability": 0.02},
    {"action": "drop", "probability": 0.02},
    {"action": "answer", "status": 503, "probability": 0.03},
    {"action": "delay", "seconds": 0.4, "probability": 0.4},
)

REFUSED = (400, 404, 409)
"""What was asked for does not fit the state that the stack is in by now."""


def template(dice: random.Random) -> dict[str, Any]:
    """Up to 60 networks, some with a subnet and a port, under names that are new each time or not."""
    word = dice.choice("abc")
    resources: dict[str, Any] = {}
    for i in range(dice.randint(3, 60)):
        resources[f"net{i}"] = {"type": "OS::Neutron::Net", "properties": {"name": f"storm-{i}-{word}"}}
        if dice.random() < 0.3:
            net, subnet = {"get_resource": f"net{i}"}, {"get_resource": f"subnet{i}"}
            of_net = {"network": net, "cidr": f"10.{i}.0.0/24", "name": f"storm-{word}"}
            of_port = {"network": net, "fixed_ips": [{"subnet": subnet}], "name": f"storm-{word}"}
            resources[f"subnet{i}"] = {"type": "OS::Neutron::Subnet", "properties": of_net}
            resources[f"port{i}"] = {"type": "OS::Neutron::Port", "properties": of_port}
    return {"heat_template_version": "2018-08-31", "resources": resources}


@dataclass
class Storm:
    """What happens, drawn from one seed."""

    cluster: Cluster
    site: Site
    engines: list[Process]
    dice: random.Random
    asleep: dict[int, float] = field(default_factory=dict)
    accepted: Counter[str] = field(default_factory=Counter)

    def rage(self) -> None:
        """A request and a blow, again and again."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            self._ask()
            if self.dice.random() < 0.4:
                self._strike()
            self._wake(time.monotonic())
            time.sleep(self.dice.uniform(0, 0.7))
        self._wake(float("inf"))

    def _ask(self) -> None:
        name = f"s{self.dice.randrange(4)}"
        ids = {stack.stack_name: stack.id for stack in self.site.heat.stacks.list()}
        action = self.dice.choice(["update", "update", "delete", "cancel_update", "cancel_without_rollback", "check"])
        if name not in ids:
            action = "create"
            body = {"stack_name": name, "template": template(self.dice), "disable_rollback": self.dice.random() < 0.5}
            answer = self.site.rest("POST", "/stacks", body)
        else:
            path = f"/stacks/{name}/{ids[name]}"
            if action == "update":
                answer = self.site.rest("PUT", path, {"template": template(self.dice)})
            elif action == "delete":
                answer = self.site.rest("DELETE", path)
            else:
                answer = self.site.rest("POST", f"{path}/actions", {action: None})
        assert answer.status_code < 300 or answer.status_code in REFUSED, answer.text
        self.accepted[action] += answer.status_code < 300

    def _strike(self) -> None:
        place = self.dice.randrange(len(self.engines))
        if place in self.asleep:
            return
        blow = self.dice.choice(["kill", "end", "stop", "stop"])
        if blow == "stop":
            self.engines[place].pause()
            self.asleep[place] = time.monotonic() + self.dice.choice([1, 2 * LEASE])
            return
        if blow == "kill":
            self.engines[place].kill()
        else:
            self.engines[place].ask_to_end()
        self.engines[place] = self.cluster.engine()

    def _wake(self, now: float) -> None:
        for place, until_then in list(self.asleep.items()):
            if until_then <= now:
                del self.asleep[place]
                self.engines[place].go_on()


@pytest.mark.parametrize("seed", [1, 2])
def test_after_a_storm_nothing_is_stuck_doubled_or_left(start: Start, seed: int) -> None:
    cluster = start(claim_interval=0.5, lease_seconds=LEASE)
    site = cluster.api()
    storm = Storm(cluster, site, cluster.engines(3), random.Random(seed))
    for trouble in TROUBLE:
        cluster.cloud.faults.add(service="network", times=None, **trouble)
    storm.rage()
    cluster.cloud.faults.clear()
    assert storm.accepted["create"] > 3
    assert storm.accepted["update"] > 3
    until(lambda: not cluster.at_work(), cluster.log)
    for stack in site.heat.stacks.list():
        site.heat.stacks.delete(stack.id)
    until(lambda: not list(site.heat.stacks.list()), lambda: f"{list(site.heat.stacks.list())}\n{cluster.log()}")
    assert cluster.names(site) == {}, "no orphan, nothing doubled"
