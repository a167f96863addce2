"""Creating stacks: what comes out, what is recorded on the way, what happens when something fails."""

from dataclasses import replace
from datetime import timedelta

from tests.engine_world import Cloud, World

from kamado.model.lifecycle import Action
from kamado.plugin.errors import PermanentError, TemporaryError

CHAIN = {
    "a": {"type": "Test::Thing", "properties": {"size": 1}},
    "b": {"type": "Test::Thing", "properties": {"peer": {"get_resource": "a"}}},
    "c": {"type": "OS::Heat::Value", "properties": {"value": {"get_attr": ["b", "address"]}}},
}


def test_dependants_get_what_they_ask_for(world: World) -> None:
    stack = world.accept(CHAIN)
    world.run()
    rows = world.rows(stack)
    assert world.state(stack) == "CREATE_COMPLETE"
    assert rows["b"].properties is not None
    assert rows["b"].properties["peer"] == rows["a"].physical_id
    assert rows["c"].properties == {"value": f"at {rows['b'].physical_id}"}
    assert rows["b"].attributes["address"] == f"at {rows['b'].physical_id}"
    assert rows["b"].requires == (rows["a"].id,)
    world.check(stack)


def test_the_history_is_heats(world: World) -> None:
    stack = world.accept(CHAIN)
    world.run()
    assert world.history(stack) == [
        "world CREATE_IN_PROGRESS",
        "a CREATE_IN_PROGRESS",
        "a CREATE_COMPLETE",
        "b CREATE_IN_PROGRESS",
        "b CREATE_COMPLETE",
        "c CREATE_IN_PROGRESS",
        "c CREATE_COMPLETE",
        "world CREATE_COMPLETE",
    ]
    assert world.stack(stack).reason == "Stack CREATE completed successfully"


def test_only_attributes_that_somebody_reads_are_read(world: World) -> None:
    stack = world.accept({"a": {"type": "Test::Thing"}})
    world.run()
    assert world.rows(stack)["a"].attributes == {}
    assert world.cloud.called("get") == ["a"]  # the one poll


def test_outputs_count_as_readers(world: World) -> None:
    body = {
        "heat_template_version": "2018-08-31",
        "resources": {"a": {"type": "Test::Thing", "properties": {"size": 7}}},
        "outputs": {"size": {"value": {"get_attr": ["a", "size"]}}},
    }
    stack = world.accept(body)
    world.run()
    assert world.rows(stack)["a"].attributes == {"size": 7}


def test_a_failure_blames_the_root_and_lets_what_is_in_flight_finish(world: World) -> None:
    stack = world.accept(
        {
            "bad": {"type": "OS::Heat::TestResource", "properties": {"fail": True, "wait_secs": 3}},
            "after_bad": {"type": "OS::Heat::TestResource", "depends_on": "bad"},
            "slow1": {"type": "OS::Heat::TestResource", "properties": {"wait_secs": 8}},
            "slow2": {"type": "OS::Heat::TestResource", "depends_on": "slow1"},
        }
    )
    world.run()
    # As seen on a real Heat: slow1 completes, slow2 and after_bad are never begun.
    assert world.states(stack) == {"bad": "CREATE_FAILED", "slow1": "CREATE_COMPLETE"}
    assert world.state(stack) == "CREATE_FAILED"
    assert world.stack(stack).reason == "Resource CREATE failed: ValueError: resources.bad: Test Resource failed bad"
    assert world.rows(stack)["bad"].reason == "ValueError: resources.bad: Test Resource failed bad"


def test_the_stack_is_said_to_have_failed_before_the_rest_is_over(world: World) -> None:
    stack = world.accept(
        {
            "bad": {"type": "OS::Heat::TestResource", "properties": {"fail": True, "wait_secs": 1}},
            "slow": {"type": "OS::Heat::TestResource", "properties": {"wait_secs": 8}},
        }
    )
    world.run()
    history = world.history(stack)
    assert history.index("world CREATE_FAILED") < history.index("slow CREATE_COMPLETE")
    assert history.count("world CREATE_FAILED") == 1


def test_failure_with_rollback_leaves_nothing(world: World) -> None:
    stack = world.accept(
        {**CHAIN, "z": {"type": "Test::Thing", "depends_on": "c", "properties": {"broken": True}}}, rollback=True
    )
    world.run()
    assert world.state(stack) == "ROLLBACK_COMPLETE"
    assert world.rows(stack) == {}
    assert world.cloud.things == {}
    history = world.history(stack, "world")
    assert history == [
        "world CREATE_IN_PROGRESS",
        "world CREATE_FAILED",
        "world ROLLBACK_IN_PROGRESS",
        "world ROLLBACK_COMPLETE",
    ]


def test_passing_troubles_are_repeated(world: World) -> None:
    world.cloud.faults["create"] = [TemporaryError("busy"), TemporaryError("busy", after=20)]
    stack = world.accept({"a": {"type": "Test::Thing"}})
    world.run()
    assert world.state(stack) == "CREATE_COMPLETE"
    assert world.cloud.called("create") == ["a"] * 3
    assert world.loop.passed > 20
    world.check(stack)


def test_passing_troubles_that_do_not_pass_fail(world: World) -> None:
    world.cloud.faults["create"] = [TemporaryError("busy")] * 20
    stack = world.accept({"a": {"type": "Test::Thing"}})
    world.run()
    assert world.state(stack) == "CREATE_FAILED"
    assert world.rows(stack)["a"].reason.endswith("resources.a: busy")
    assert len(world.cloud.called("create")) == 6


def test_a_lost_answer_is_found_out(world: World) -> None:
    world.cloud.faults["create"] = [Cloud.LOSE]
    stack = world.accept({"a": {"type": "Test::Thing"}})
    world.run()
    assert world.state(stack) == "CREATE_COMPLETE"
    assert world.cloud.called("create") == ["a"]
    world.check(stack)


def test_a_cloud_that_does_late_what_it_gave_no_answer_to_is_found_out_before_each_further_create(world: World) -> None:
    world.cloud.faults["create"] = [TemporaryError("no answer", unknown=True), TemporaryError("away for a moment")]
    heard: list[str] = []

    def late(what: str) -> None:
        if what.startswith("before create"):
            heard.append(what)
        if len(heard) == 2:  # the first one is done only while the second is refused
            things = world.cloud.things
            name = what.removeprefix("before create ")
            things["late"] = {"name": name, "created_at": world.cloud.now(), "ready_at": world.cloud.now(), "size": 1}
            world.cloud.point = lambda _: None

    world.cloud.point = late
    stack = world.accept({"a": {"type": "Test::Thing"}})
    world.run()
    assert world.state(stack) == "CREATE_COMPLETE"
    assert list(world.cloud.things) == ["late"]
    assert world.rows(stack)["a"].physical_id == "late"


def test_a_lost_answer_that_is_never_found_out_leaves_no_orphan(world: World) -> None:
    world.cloud.faults["create"] = [Cloud.LOSE]
    world.cloud.faults["list"] = [PermanentError("no listing today")]
    stack = world.accept({"a": {"type": "Test::Thing"}})
    world.run()
    assert world.state(stack) == "CREATE_FAILED"
    assert len(world.cloud.things) == 1
    world.accept({}, Action.DELETE, stack)
    world.run()
    assert world.cloud.things == {}
    assert world.state(stack) == "DELETE_COMPLETE"


def test_a_wrong_value_that_only_the_run_can_see_fails_its_resource(world: World) -> None:
    stack = world.accept(
        {
            "a": {"type": "Test::Thing"},
            "b": {"type": "Test::Thing", "properties": {"size": {"get_attr": ["a", "address"]}}},
        }
    )
    world.run()
    assert world.states(stack) == {"a": "CREATE_COMPLETE", "b": "CREATE_FAILED"}
    assert "resources.b.properties.size" in world.rows(stack)["b"].reason


def test_a_deadline_ends_the_operation(world: World) -> None:
    world.cloud.build_seconds = 1000
    stack = world.accept({"a": {"type": "Test::Thing"}, "b": {"type": "Test::Thing", "depends_on": "a"}})
    world.settings = replace(world.settings, stack_action_timeout=120)
    world.run()
    assert world.state(stack) == "CREATE_FAILED"
    assert world.stack(stack).reason == "Timed out"
    assert world.states(stack) == {"a": "CREATE_FAILED"}
    assert 120 <= world.loop.passed < 121
    world.check(stack)


def test_polling_grows_slower(world: World) -> None:
    world.cloud.build_seconds = 60
    world.accept({"a": {"type": "Test::Thing"}})
    world.run()
    assert 10 < len(world.cloud.called("get")) < 35
    assert 60 <= world.loop.passed < 66, "what is done is seen soon"


def test_what_a_lost_answer_left_is_found_however_late_somebody_looks(world: World) -> None:
    """One looks for what was made since the call, not since it was given up."""
    world.settings = replace(world.settings, adoption_slack=0.5)
    world.cloud.faults = {"create": [Cloud.LOSE], "list": [TemporaryError("busy")] * 50}
    stack = world.accept({"a": {"type": "Test::Thing"}})
    world.run()
    assert world.state(stack) == "CREATE_FAILED"
    assert world.loop.passed > 1
    assert len(world.cloud.things) == 1
    world.cloud.faults = {}
    world.accept({}, Action.DELETE, stack)
    world.run()
    assert world.state(stack) == "DELETE_COMPLETE"
    assert world.cloud.things == {}


def test_what_a_lost_answer_left_is_found_whatever_was_done_to_the_row_since(world: World) -> None:
    """Each action is shown with the moment it ended at; none moves the moment since which one looks."""
    world.settings = replace(world.settings, adoption_slack=0.5)
    world.cloud.faults = {"create": [Cloud.LOSE], "list": [TemporaryError("busy")] * 50}
    stack = world.accept({"a": {"type": "Test::Thing"}})
    world.run()
    row = world.rows(stack)["a"]
    failed = row.updated_at
    assert failed is not None
    assert failed > row.created_at + timedelta(seconds=1)
    world.cloud.faults = {}
    world.accept({}, Action.CHECK, stack)
    world.run()
    checked = world.rows(stack)["a"].updated_at
    assert checked is not None
    assert checked > failed
    world.accept({}, Action.DELETE, stack)
    world.run()
    assert world.state(stack) == "DELETE_COMPLETE"
    assert world.cloud.things == {}


def test_an_answer_that_was_lost_is_not_forgotten_when_another_create_is_refused(world: World) -> None:
    """The cloud does the first one's work only after all has failed: what it made goes with the stack."""
    lost = TemporaryError("no answer", unknown=True)
    world.cloud.faults["create"] = [lost, PermanentError("over quota")]
    stack = world.accept({"a": {"type": "Test::Thing"}})
    world.run()
    assert world.states(stack) == {"a": "CREATE_FAILED"}
    name = world.rows(stack)["a"].physical_name
    world.cloud.things["late"] = {"name": name, "created_at": world.cloud.now(), "ready_at": world.cloud.now()}
    world.accept({}, Action.DELETE, stack)
    world.run()
    assert world.state(stack) == "DELETE_COMPLETE"
    assert world.cloud.things == {}
