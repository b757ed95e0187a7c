"""Imports and registers one plugin in a fresh process, and tells what that loaded and did.

Run by path, as `python importing.py REQUEST ANSWER`: REQUEST is JSON with `module` and
`path`, ANSWER the file that the report is written to.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

__all__ = ["report"]

#: Audit events of acting on the world, and what to call it.
_DEEDS: Final = {
    "os.chmod": "changes a file",
    "os.fork": "starts a process",
    "os.kill": "sends a signal",
    "os.mkdir": "makes a folder",
    "os.posix_spawn": "starts a process",
    "os.remove": "removes a file",
    "os.rename": "renames a file",
    "os.rmdir": "removes a folder",
    "os.symlink": "makes a link",
    "os.system": "starts a process",
    "socket.bind": "opens a socket",
    "socket.connect": "connects to somewhere",
    "socket.getaddrinfo": "looks up a host",
    "subprocess.Popen": "starts a process",
}

_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT

Surroundings = tuple[dict[str, str], str, int]


def report(module: str) -> dict[str, Any]:
    """Import and register a plugin; return what modules that loaded, and what else it did."""
    from confjob.registry.loading import new_manager

    known, before = set(sys.modules), _surroundings()
    heard: list[str] = []
    sys.addaudithook(lambda event, arguments: heard.extend(_deed(event, arguments)))
    try:
        new_manager().register(_imported(module), name=module)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a plugin's import raises
        return {"error": f"{type(error).__name__}: {error}"}
    deeds = [*heard, *_changed(before, _surroundings())]
    return {"modules": sorted(set(sys.modules) - known), "deeds": list(dict.fromkeys(deeds))}


def _deed(event: str, arguments: tuple[Any, ...]) -> Iterator[str]:
    what = arguments[0] if arguments and isinstance(arguments[0], (str, bytes, os.PathLike)) else ""
    named = f": {os.fsdecode(what)}" if what else ""
    if event in _DEEDS:
        yield _DEEDS[event] + named
    elif event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING:
        yield f"writes to a file{named}"


def _surroundings() -> Surroundings:
    return dict(os.environ), str(Path.cwd()), threading.active_count()


def _changed(before: Surroundings, after: Surroundings) -> Iterator[str]:
    names = sorted(name for name in {*before[0], *after[0]} if before[0].get(name) != after[0].get(name))
    if names:
        yield f"changes environment variables: {', '.join(names)}"
    if before[1] != after[1]:
        yield "changes the working directory"
    if after[2] > before[2]:
        yield "starts a thread"


def _imported(module: str) -> object:
    from confjob.registry.loading import imported_file

    if module.endswith(".py"):
        return imported_file(Path(module))
    name, _, attributes = module.partition(":")
    found: object = import_module(name)
    for attribute in filter(None, attributes.split(".")):
        found = getattr(found, attribute)
    return found


def _main(request: str, answer: str) -> None:
    asked = json.loads(request)
    sys.path[:] = asked["path"]
    import_module("confjob.plugin")  # what this loads is there whatever a plugin does
    Path(answer).write_text(json.dumps(report(asked["module"])), encoding="utf-8")


if __name__ == "__main__":
    _main(*sys.argv[1:])
