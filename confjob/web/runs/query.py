"""Which runs a page lists: the filter in its address, so that it can be kept and sent to others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from attrs import evolve, frozen

from confjob.model import State
from confjob.pipeline.selecting import Selection

__all__ = ["LIMIT", "Query"]

#: Runs that are listed at first.
LIMIT: Final = 100
_MOST: Final = 10_000


@frozen(kw_only=True)
class Query:
    """What is asked for.

    Args:
        job: A job's name; empty for all.
        states: Any of these; empty for all.
        tags: All of these.
        text: Words that stand in what is known of a run.
        limit: Runs at most.
    """

    job: str = ""
    states: tuple[State, ...] = ()
    tags: tuple[str, ...] = ()
    text: str = ""
    limit: int = LIMIT

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Query:
        """Return the query of an address's parameters; what makes no sense there is left out."""
        found: dict[str, list[str]] = {}
        for name, value in pairs:
            found.setdefault(name, []).append(value.strip())
        tags = [tag for text in found.get("tag", ()) for tag in text.split(",")]
        limit = found.get("limit", [""])[-1]
        known = len(limit) < 6 and limit.isascii() and limit.isdigit()
        return cls(
            job=_last(found, "job"),
            states=tuple(state for state in State if state.value in found.get("state", ())),
            tags=tuple(dict.fromkeys(filter(None, map(str.strip, tags)))),
            text=_last(found, "q"),
            limit=min(max(int(limit), 1), _MOST) if known else LIMIT,
        )

    @property
    def filters(self) -> bool:
        """Whether it leaves any run out for what it is."""
        return bool(self.job or self.states or self.tags or self.text)

    @property
    def selection(self) -> Selection:
        """The same, as the pipeline takes it; what starts and what ends is running, for people."""
        states = (*self.states, *((State.STARTING, State.ENDING) if State.RUNNING in self.states else ()))
        return Selection(job=self.job or None, states=states, tags=self.tags, text=self.text)

    @property
    def address(self) -> str:
        """The address of the page that lists these."""
        return f"/runs?{urlencode(self._pairs())}".rstrip("?")

    def changed(self, **changes: Any) -> Query:
        """Return another query."""
        return evolve(self, **changes)

    def _pairs(self) -> Sequence[tuple[str, str]]:
        pairs = [("q", self.text), ("job", self.job)]
        pairs += [("state", state.value) for state in self.states]
        pairs += [("tag", tag) for tag in self.tags]
        pairs += [("limit", str(self.limit))] if self.limit != LIMIT else []
        return [(name, value) for name, value in pairs if value]


def _last(found: Mapping[str, Sequence[str]], name: str) -> str:
    return found.get(name, ("",))[-1]
