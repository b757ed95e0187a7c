"""How a run of the queue is doing: from its ticket, its records and the process table.

The agent and everyone else who asks look through here, so that they can't disagree.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from attrs import frozen

from confjob.builtin.local.queue.tickets import Facts, Ticket, next_attempt
from confjob.builtin.local.trees import leaders, members
from confjob.plugin import ProcessId, live_sessions, read_record

__all__ = ["Look", "look"]

#: What an attempt may be doing. `foreign`: only another machine or container can tell.
Phase = Literal["waiting", "starting", "running", "orphaned", "over", "foreign"]


@frozen(kw_only=True)
class Look:
    """What was seen of a run.

    Args:
        ticket: Its ticket.
        facts: Its attempt's records.
        phase: What the attempt is doing; `orphaned` is without its shell.
        leader: The shell that runs job.sh, if it is known.
        slots: The GPUs that it was started with.
        again: The ticket of the attempt that follows; None while it goes on, or where none does.
    """

    ticket: Ticket
    facts: Facts
    phase: Phase
    leader: ProcessId | None = None
    slots: tuple[str, ...] = ()
    again: Ticket | None = None


def look(tickets: Collection[Ticket]) -> list[Look]:
    """Return how runs are doing, with one scan of the processes for all of them."""
    # The processes first: what was not there then and has no record by now did not start.
    unstarted = [ticket for ticket in tickets if not (ticket.records / "start.json").exists()]
    scripts = {os.fsencode(ticket.folder / "job.sh"): ticket.run_dir for ticket in unstarted}
    found = {scripts[script]: leader for script, leader in leaders(scripts).items()} if scripts else {}
    looks = [_look(ticket, found.get(ticket.run_dir)) for ticket in tickets]
    gone = [each for each in looks if each.phase == "orphaned" and each.facts.end is None]
    sessions = live_sessions() if gone else {}
    return [_settled(each, sessions) for each in looks]


def _look(ticket: Ticket, starting: ProcessId | None) -> Look:
    facts = Facts.of(ticket)
    leader = _leader(facts) or starting
    launch = read_record(ticket.records / "launch.json") or {}
    slots = tuple(map(str, launch.get("slots", ())))
    if leader is None:
        phase: Phase = "over" if facts.end is not None else "waiting"
    else:
        alive = leader.alive()
        running: Phase = "running" if facts.start is not None else "starting"
        phase = "foreign" if alive is None else running if alive else "orphaned"
    return Look(ticket=ticket, facts=facts, phase=phase, leader=leader, slots=slots)


def _settled(seen: Look, sessions: Mapping[int, Sequence[int]]) -> Look:
    """Return what is so once it is known whether an attempt without its shell has processes left."""
    phase, facts = seen.phase, seen.facts
    if phase == "orphaned":
        assert seen.leader is not None
        if facts.end is None:
            facts = Facts.of(seen.ticket)  # it may have been written just before the shell ended
        lives = facts.end is None and members(seen.leader, sessions)
        phase = "orphaned" if lives else "over"
    elif phase == "foreign" and facts.end is not None:
        phase = "over"
    again = next_attempt(seen.ticket, facts, time.time()) if phase == "over" else None
    return Look(
        ticket=seen.ticket, facts=facts, phase=phase, leader=seen.leader, slots=seen.slots, again=again
    )


def _leader(facts: Facts) -> ProcessId | None:
    try:
        return ProcessId.parse(str((facts.start or {}).get("process")))
    except ValueError:
        return None
