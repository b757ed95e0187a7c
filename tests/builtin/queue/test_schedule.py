"""Laws of who starts next, over random queues: every one of them holds for every decision."""

import random
from collections import Counter

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from confjob.builtin.local.queue.schedule import Capacity, Holder, Running, Scene, decide
from confjob.builtin.local.queue.tickets import PRIORITIES, Ticket

GIB = 2**30
NOW = 1000.0
CAPACITY = Capacity(cpus=8.0, memory=16 * GIB)
GPUS = ("0", "1", "2", "3")


def ticket(run, **values):
    given = {"run_dir": f"/p/.confjob/runs/{run}", "place": "here", "group": "/p/.confjob:t", "queued": 1.0}
    return Ticket(run=run, **{**given, **values})


def gpu(run, gpus=1, slots=GPUS, **values):
    return ticket(run, gpus=gpus, slots=slots, **values)


def scene(**values):
    return Scene(**{"capacity": CAPACITY, "now": NOW, **values})


def started(decision):
    return [each.run for each, _ in decision.starts]


@st.composite
def needs(draw, run):
    gpus = draw(st.sampled_from([0, 0, 1, 2, 4]))
    slots = draw(st.lists(st.sampled_from(GPUS), min_size=gpus, max_size=4, unique=True)) if gpus else []
    return ticket(
        run,
        queued=float(draw(st.integers(0, 5))),
        priority=draw(st.sampled_from(PRIORITIES)),
        cpus=draw(st.sampled_from([0.5, 1.0, 3.0, 8.0])),
        memory=draw(st.sampled_from([0, 0, GIB, 9 * GIB, 16 * GIB])),
        gpus=gpus,
        slots=tuple(slots),
        group=(group := draw(st.sampled_from(["a", "b", "c"]))),
        parallel={"a": None, "b": 1, "c": 3}[group],
        not_before=draw(st.sampled_from([0.0, 0.0, 0.0, NOW - 1, NOW + 5, NOW + 60])),
    )


@st.composite
def situations(draw):
    """A queue, what runs already (never more than there is), and all else that matters."""
    count = draw(st.integers(0, 12))
    waiting = [draw(needs(f"r{number}")) for number in range(count)]
    before = [draw(needs(f"old{number}")) for number in range(draw(st.integers(0, 4)))]
    names = st.lists(st.sampled_from(GPUS), unique=True, max_size=2)
    foreign = {name: Holder(run="x", user="ann") for name in draw(names)}
    earlier = decide([evolve(each, not_before=0.0) for each in before], [], scene(held=foreign))
    running = [Running(ticket=each, slots=slots) for each, slots in earlier.starts]
    paused = {group: f"{group} is paused" for group in draw(st.sets(st.sampled_from(["a", "b"])))}
    return waiting, running, scene(held=foreign, paused=paused)


def used(running, decision):
    """Return all that runs once a decision has been carried out."""
    return [*((run.ticket, run.slots) for run in running), *decision.starts]


@given(situations())
def test_never_is_more_given_than_there_is(situation):
    waiting, running, around = situation
    everything = used(running, decide(waiting, running, around))
    assert sum(each.cpus for each, _ in everything) <= around.capacity.cpus
    assert sum(each.memory for each, _ in everything) <= around.capacity.memory
    counts = Counter(each.group for each, _ in everything)
    assert all(counts[each.group] <= each.parallel for each, _ in everything if each.parallel is not None)


@given(situations())
def test_a_gpu_has_one_run_and_a_run_all_its_gpus_or_none(situation):
    waiting, running, around = situation
    decision = decide(waiting, running, around)
    given_out = [slot for _, slots in used(running, decision) for slot in slots]
    assert len(given_out) == len(set(given_out))
    assert not set(given_out) & set(around.held)
    for each, slots in decision.starts:
        assert len(slots) == each.gpus
        assert set(slots) <= set(each.slots)


@given(situations())
def test_every_run_is_started_or_told_why_not_and_never_both(situation):
    waiting, running, around = situation
    decision = decide(waiting, running, around)
    assert sorted([*started(decision), *decision.reasons]) == sorted(each.run for each in waiting)
    assert all(decision.reasons.values())


@given(situations())
def test_none_starts_that_is_paused_or_whose_time_has_not_come(situation):
    waiting, running, around = situation
    for each, _ in decide(waiting, running, around).starts:
        assert each.group not in around.paused
        assert each.not_before <= around.now


@given(situations())
def test_wake_is_when_the_next_one_may_start_for_the_time_alone(situation):
    waiting, running, around = situation
    later = [each.not_before for each in waiting if each.not_before > NOW]
    assert decide(waiting, running, around).wake == (min(later) if later else None)


@given(situations(), st.randoms(use_true_random=False))
def test_the_order_in_which_runs_are_handed_over_does_not_matter(situation, shuffler):
    waiting, running, around = situation
    shuffled = shuffler.sample(waiting, len(waiting))
    assert decide(shuffled, running, around) == decide(waiting, running, around)


@given(situations(), st.integers(2, 6))
def test_among_equals_the_stronger_and_then_the_earlier_start_first(situation, count):
    waiting, running, around = situation
    alike = {"cpus": 1.0, "gpus": 1, "slots": GPUS, "group": "c", "parallel": 3}
    equals = [
        ticket(f"e{number}", queued=float(number % 3), priority=PRIORITIES[number % 4], **alike)
        for number in range(count)
    ]
    decision = decide([*waiting, *equals], running, around)
    order = [each.run for each in sorted(equals, key=lambda each: each.rank)]
    chosen = [run for run in started(decision) if run in order]
    assert chosen == order[: len(chosen)]


def fits(each, free_cpus, free_memory, free_slots):
    """Whether what a run needs is there, said anew without the code under test."""
    return (
        each.cpus <= max(free_cpus, 0)
        and each.memory <= max(free_memory, 0)
        and len([slot for slot in each.slots if slot in free_slots]) >= each.gpus
    )


@given(situations())
def test_nothing_lies_idle_but_what_is_held_back_for_the_first_that_does_not_fit(situation):
    """Go through the queue once more: whoever is passed over did not fit what was left then."""
    waiting, running, around = situation
    decision = decide(waiting, running, around)
    given_out = {each.run: slots for each, slots in decision.starts}
    cpus = around.capacity.cpus - sum(run.ticket.cpus for run in running)
    memory = around.capacity.memory - sum(run.ticket.memory for run in running)
    free = set(GPUS) - set(around.held) - {slot for run in running for slot in run.slots}
    counts = Counter(run.ticket.group for run in running)
    reserved = False
    for each in sorted(waiting, key=lambda each: each.rank):
        is_kept = (
            each.not_before > NOW
            or each.group in around.paused
            or (each.parallel is not None and counts[each.group] >= each.parallel)
        )
        if is_kept:
            assert each.run not in given_out
            continue
        assert (each.run in given_out) == fits(each, cpus, memory, free)
        if each.run not in given_out and reserved:
            continue
        reserved = reserved or each.run not in given_out
        cpus, memory = cpus - each.cpus, memory - each.memory
        free -= set(given_out.get(each.run, [slot for slot in each.slots if slot in free][: each.gpus]))
        counts[each.group] += 1


def test_gpus_are_given_in_the_order_that_the_target_names_them():
    [(_, slots)] = decide([gpu("a", 2, slots=("3", "1", "0"))], [], scene(held={"1": Holder(run="x")})).starts
    assert slots == ("3", "0")


def test_small_runs_pass_a_large_one_as_far_as_they_take_nothing_of_what_it_needs():
    running = [Running(ticket=gpu("now"), slots=("0",))]
    waiting = [
        gpu("large", 4, queued=1.0, cpus=6.0),
        gpu("small", queued=2.0),
        ticket("without", queued=3.0),
        ticket("second", queued=4.0, cpus=2.0),
    ]
    decision = decide(waiting, running, scene())
    assert started(decision) == ["without"]
    assert decision.reasons == {
        "large": "needs 4 GPUs, 3 free; GPU 0 is held by run now",
        "small": "needs 1 GPU; GPU 0 is held by run now; what is free is held for run large",
        "second": "needs 2 cores; 0 of 8 are free; what is free is held for run large",
    }


def test_what_a_run_does_not_need_is_never_lacking_however_much_is_held_back():
    """Of memory, the first one is promised more than is free; the second asks for none."""
    running = [Running(ticket=ticket("now", memory=12 * GIB))]
    waiting = [ticket("large", queued=1.0, memory=8 * GIB), ticket("small", queued=2.0)]
    decision = decide(waiting, running, scene())
    assert started(decision) == ["small"]
    assert decision.reasons == {"large": "needs 8.0 GiB of memory; 4.0 GiB are free"}


def test_only_what_may_start_now_is_held_back_for():
    """A large run that is paused, or whose time has not come, makes nobody wait."""
    running = [Running(ticket=gpu("now"), slots=("0",))]
    for kept in ({"group": "off"}, {"not_before": NOW + 9}, {"group": "busy", "parallel": 0}):
        waiting = [gpu("large", 4, queued=1.0, **kept), gpu("small", queued=2.0)]
        assert started(decide(waiting, running, scene(paused={"off": "paused"}))) == ["small"]


def test_a_run_that_no_longer_fits_the_machine_makes_nobody_wait():
    """The agent may have fewer cores than whoever submitted, or the machine may have shrunk."""
    waiting = [ticket("huge", queued=1.0, cpus=9.0), ticket("fat", queued=2.0, memory=17 * GIB)]
    decision = decide([*waiting, ticket("small", queued=3.0)], [], scene())
    assert started(decision) == ["small"]
    assert decision.reasons["huge"] == "needs 9 cores; 8 of 8 are free"


@pytest.mark.parametrize("seed", range(20))
def test_a_stream_of_small_runs_never_lets_a_large_one_wait_for_more_than_what_runs(seed):
    """Once all that ran when it came is over, the large one has started."""
    chance = random.Random(seed)
    small = [
        {"cpus": 1.0, "gpus": 1, "slots": GPUS, "group": "gpu"},
        {"cpus": 2.0, "group": "cpu"},
        {"cpus": 1.0, "memory": 2 * GIB, "group": "same", "parallel": 2},
    ]
    large = ticket("large", priority="high", cpus=5.0, memory=9 * GIB, gpus=3, slots=GPUS, group="same")
    large = evolve(large, queued=20.0, parallel=2)
    running, waiting, first = [], [], None
    for step in range(200):
        waiting += [ticket(f"s{step}-{n}", queued=float(step), **chance.choice(small)) for n in range(3)]
        decision = decide([*waiting, *([large] if step >= 20 else [])], running, scene())
        running += [Running(ticket=each, slots=slots) for each, slots in decision.starts]
        waiting = [each for each in waiting if each.run not in started(decision)]
        if "large" in started(decision):
            break
        # From here on it is the first, and its own target has room for it.
        if first is None and "needs" in decision.reasons.get("large", ""):
            first = {run.ticket.run for run in running}
        assert first is None or first & {run.ticket.run for run in running}, "it could have started"
        # Some end, in no order.
        running = chance.sample(running, chance.randint(0, len(running)))
    assert "large" in started(decision)


def test_a_place_in_its_group_is_held_back_too():
    """Or others of a target with `parallel = 1` would take the turn of the one that waits for a GPU."""
    running = [Running(ticket=gpu("now"), slots=("0",))]
    one = {"group": "one", "parallel": 1}
    waiting = [gpu("large", 4, queued=1.0, **one), ticket("small", queued=2.0, **one)]
    decision = decide(waiting, running, scene())
    assert started(decision) == []
    assert decision.reasons["small"] == "its target runs 1 at a time (large)"


def reason(waits, *, running=(), others=(), **around):
    waits = evolve(waits, queued=99.0)
    return decide([*others, waits], running, scene(**around)).reasons[waits.run]


def test_reasons_name_what_is_in_the_way():
    first = Running(ticket=ticket("7f3a", cpus=6.5, memory=10 * GIB))
    assert reason(ticket("r", cpus=2.0), running=[first]) == "needs 2 cores; 1.5 of 8 are free"
    assert reason(ticket("r", cpus=1.0), running=[Running(ticket=ticket("a", cpus=7.5))]) == (
        "needs 1 core; 0.5 of 8 are free"
    )
    assert reason(ticket("r", memory=8 * GIB), running=[first]) == (
        "needs 8.0 GiB of memory; 6.0 GiB are free"
    )
    assert reason(ticket("r", cpus=4.0, memory=8 * GIB), running=[first]) == (
        "needs 4 cores; 1.5 of 8 are free; needs 8.0 GiB of memory; 6.0 GiB are free"
    )


def test_reasons_name_who_holds_a_gpu():
    one = gpu("r", slots=("0",))
    assert reason(one, held={"0": Holder(run="7f3a")}) == "needs 1 GPU; GPU 0 is held by run 7f3a"
    assert reason(one, held={"0": Holder(run="7f3a", user="ann")}) == (
        "needs 1 GPU; GPU 0 is held by run 7f3a of ann"
    )
    held = {"0": Holder(run="7f3a"), "1": Holder(run="b")}
    assert reason(gpu("r", 4), held=held) == (
        "needs 4 GPUs, 2 free; GPU 0 is held by run 7f3a; GPU 1 is held by run b"
    )
    many = {str(number): Holder(run=f"r{number}") for number in range(6)}
    assert reason(gpu("r", 1, slots=tuple(many)), held=many).endswith("GPU 3 is held by run r3; …")


def test_reasons_name_who_has_got_a_gpu_by_running_or_in_this_very_decision():
    one = gpu("r", slots=("0",))
    running = [Running(ticket=gpu("7f3a"), slots=("0",))]
    assert reason(one, running=running) == "needs 1 GPU; GPU 0 is held by run 7f3a"
    assert reason(one, others=[gpu("7f3a")]) == "needs 1 GPU; GPU 0 is held by run 7f3a"


def test_reasons_name_the_target_that_has_its_number_of_runs():
    one = ticket("r", parallel=1)
    text = "its target runs 1 at a time (a)"
    assert reason(one, running=[Running(ticket=ticket("a"))]) == text
    assert reason(one, others=[ticket("a", parallel=1)]) == text
    many = [Running(ticket=ticket(f"a{number}", cpus=0.5)) for number in range(6)]
    assert reason(ticket("r", parallel=6), running=many) == (
        "its target runs 6 at a time (a0, a1, a2, a3, …)"
    )


def test_reasons_name_who_paused_it_and_when_an_attempt_comes():
    assert reason(ticket("r"), paused={"/p/.confjob:t": "paused by ann"}) == "paused by ann"
    text = reason(evolve(ticket("r"), attempt=2, not_before=NOW + 30))
    assert text.startswith("attempt 2 of 1 starts at ")


def test_an_empty_queue_is_a_decision_too():
    decision = decide([], [], scene())
    assert (decision.starts, decision.reasons, decision.wake) == ((), {}, None)
