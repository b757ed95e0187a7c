"""Completing `--set`: the paths of the job on the line, and the values that one may have."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from confjob.cli.completing.items import item, matching
from confjob.cli.completing.place import Place
from confjob.keypath import KeyPath, PathSyntaxError, split_input
from confjob.offers import KnownInput, Offer, Offers, freshness, key_of, load

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem

__all__ = ["assignments", "input_paths", "job_of", "kept"]

#: Inputs whose paths may be written without their name.
_UNNAMED = ("run-config", "file")
_SECONDS = 2.0


def assignments(ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
    """Offer `PATH=`, with no space behind it; and values, once there is an `=`."""
    offers = _offers(ctx)
    at = _equals(incomplete)
    if at < 0:
        return _paths(offers, incomplete, end="=")
    left = incomplete[: at + 1]
    return matching({left + text: about for text, about in _values(offers, left[:-1]).items()}, incomplete)


def input_paths(ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
    """Offer `[INPUT:]PATH`."""
    return _paths(_offers(ctx), incomplete, end="")


def job_of(ctx: click.Context, place: Place) -> str | None:
    """Return the job that the line is about: the one named, the one of the run, or the only one."""
    if ctx.params.get("job"):
        return str(ctx.params["job"])
    if ctx.params.get("run"):
        from confjob.cli.completing.runs import job_of_run

        return job_of_run(place, str(ctx.params["run"]))
    declared = list(place.table("jobs"))
    return declared[0] if len(declared) == 1 else None


def kept(place: Place, job: str, files: Mapping[str, str]) -> Offers | None:
    """Return what may be offered of a job: as it was kept, else read without running anything."""
    found = load(place.state, key_of(place.root, place.cwd, job, files))
    trusted = freshness(place.root, found) if found is not None else "stale"
    if found is not None and trusted == "fresh":
        return found
    fresh = _read(place, job, files)
    if fresh is None and found is not None and trusted == "usable":
        # The types still say something; what stands in the files now does not.
        return {**found, "offers": [{**offer, "now": None} for offer in found["offers"]]}
    return fresh


def _offers(ctx: click.Context) -> Offers:
    place = Place(ctx)
    job = job_of(ctx, place)
    pairs = (text.partition("=") for text in ctx.params.get("files") or ())
    files = {name: path for name, found, path in pairs if found}
    found = None if job is None else kept(place, job, files)
    return found or Offers(key="", rules={}, data={}, inputs=[], offers=[])


def _read(place: Place, job: str, files: Mapping[str, str]) -> Offers | None:
    """Read a job anew, if that can be done while a person waits."""
    from pathlib import Path

    with contextlib.suppress(Exception), _limit(_SECONDS):
        from confjob.pipeline.remembering import read_quietly

        return read_quietly(Path(place.cwd), place.blocked, job, files)
    return None


@contextlib.contextmanager
def _limit(seconds: float) -> Iterator[None]:
    """Give up after so long, where this is the main thread."""
    import signal

    def late(_number: int, _frame: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _paths(offers: Offers, incomplete: str, end: str) -> list[CompletionItem[str]]:
    plus = "+" if incomplete.startswith("+") else ""
    typed = incomplete.removeprefix("+")
    name, path = split_input(typed)
    spec = _input(offers, name) if name is not None else None
    if plus:  # it adds what is not there
        offers = {**offers, "offers": [offer for offer in offers["offers"] if offer["absent"]]}
    if spec is not None:
        inside = [offer for offer in offers["offers"] if offer["input"] == spec["input"]]
        head = typed[: len(typed) - len(path)]
        named = {f"{plus}{head}{_spelled(offer, path)}{end}": offer for offer in inside}
        begun = f"{plus}{head}{path}"
    else:
        named = {f"{plus}{text}{end}": offer for text, offer in _unqualified(offers, typed).items()}
        begun = incomplete
    found = _begun(named, begun)
    inputs = [] if spec is not None else _prefixes(offers, typed)
    return [
        *(item(text, _about(offer), open_end=bool(end)) for text, offer in found.items()),
        *(item(f"{plus}{text}", about, open_end=True) for text, about in inputs),
    ]


def _begun(named: Mapping[str, Offer], begun: str) -> dict[str, Offer]:
    """Return what begins as typed; else what has a component that does: `lr` finds `trainer.lr`."""
    found = {text: offer for text, offer in named.items() if text.startswith(begun)}
    last = begun.rpartition(":")[2].removeprefix("+")
    if found or not last:
        return found
    return {text: offer for text, offer in named.items() if f".{last}" in f".{offer['path']}"}


def _unqualified(offers: Offers, typed: str) -> dict[str, Offer]:
    """Return the paths that need no input's name, and with it those that two inputs have."""
    kinds = {known["input"]: known["kind"] for known in offers["inputs"]}
    free = [offer for offer in offers["offers"] if kinds.get(offer["input"]) in _UNNAMED]
    seen: dict[str, int] = {}
    for offer in free:
        seen[offer["path"]] = seen.get(offer["path"], 0) + 1
    return {
        _spelled(offer, typed)
        if seen[offer["path"]] == 1
        else f"{_escaped(offer['input'])}:{offer['path']}": offer
        for offer in free
    }


def _prefixes(offers: Offers, typed: str) -> Iterator[tuple[str, str]]:
    """Yield `INPUT:` of the inputs in which something may be set."""
    having = {offer["input"] for offer in offers["offers"]} | {"env"}
    for known in offers["inputs"]:
        text = f"{_escaped(known['input'])}:"
        if known["input"] in having and text.startswith(typed):
            yield (
                text,
                {"env": "environment variables", "resources": "what the job needs"}.get(known["kind"], ""),
            )


def _values(offers: Offers, left: str) -> dict[str, str]:
    """Return the values to offer behind `left=`, each with what is to be said of it."""
    found: dict[str, str] = {}
    for offer in _meant(offers, left):
        now = {offer["now"]: "as it is now"} if offer["now"] is not None else {}
        found.update({**dict.fromkeys(offer["values"], ""), **now})
    return found


def _meant(offers: Offers, left: str) -> Iterator[Offer]:
    """Yield the inputs that `left` names."""
    name, text = split_input(left.removeprefix("+"))
    try:
        path = str(KeyPath(map(str, KeyPath.parse(text.removeprefix("+")))))
    except PathSyntaxError:
        return
    spec = _input(offers, name) if name is not None else None
    free = {known["input"] for known in offers["inputs"] if known["kind"] in _UNNAMED}
    wanted: Collection[str] = free if name is None else {spec["input"]} if spec else ()
    yield from (offer for offer in offers["offers"] if offer["path"] == path and offer["input"] in wanted)


def _input(offers: Offers, name: str) -> KnownInput | None:
    asked = name.removeprefix("./")
    return next((known for known in offers["inputs"] if asked in known["names"]), None)


def _about(offer: Offer) -> str:
    now = f"now {offer['now']}" if offer["now"] is not None else ""
    return " · ".join(filter(None, [offer["type"], now, offer["help"]]))


def _spelled(offer: Offer, typed: str) -> str:
    """Return a path as the user writes indices: `layers.0`, or `layers[0]` once there is a bracket."""
    if "[" not in typed:
        return offer["path"]
    parts = KeyPath.parse(offer["path"])
    return str(KeyPath(int(part) if str(part).isdigit() else part for part in parts))


def _escaped(name: str) -> str:
    return "".join("\\" + char if char in "\\:=+" else char for char in name)


def _equals(text: str) -> int:
    """Return where the first `=` stands that no backslash makes literal, or -1."""
    position = 0
    while position < len(text) and text[position] != "=":
        position += 2 if text[position] == "\\" else 1
    return position if position < len(text) else -1
