"""Tells which of an interpreter's import paths lead into the project.

An editable install or PYTHONPATH would make a launched run import the checkout's code
instead of the workspace's; whoever makes the run's PYTHONPATH must know of each.

Request: `{"root": project root}`. Answer: `{"version", "prefix", "sys_path": [folders],
"editable": {package: path}}`, all resolved, all inside the root.
"""

from __future__ import annotations

import os
import sys
import typing

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

if typing.TYPE_CHECKING:
    from confjob.probes import kit
else:
    import kit


def answer(request: dict[str, typing.Any]) -> typing.Any:
    """Describe this interpreter as the project at the request's `root` sees it."""
    root = os.path.realpath(request["root"])
    here = os.path.dirname(os.path.abspath(__file__))
    entries = [os.path.realpath(entry) for entry in sys.path if os.path.abspath(entry) != here]
    inside = [entry for entry in entries if _leads_into(entry, root)]
    _stand_on_links(entries)
    return {
        "version": ".".join(map(str, sys.version_info[:3])),
        "prefix": sys.prefix,
        "sys_path": list(dict.fromkeys(inside)),
        "editable": {name: path for name, path in _editable(entries) if _leads_into(path, root)},
    }


def _leads_into(path: str, root: str) -> bool:
    inside = path == root or path.startswith(root + os.sep)
    environment = os.path.realpath(sys.prefix)
    within = environment.startswith(root + os.sep) and path.startswith(environment + os.sep)
    packages = {"site-packages", "dist-packages"} & set(os.path.relpath(path, root).split(os.sep))
    return inside and not within and not packages


def _editable(entries: list[str]) -> typing.Iterator[tuple[str, str]]:
    """Yield (package, path) of setuptools' editable finders and of linked packages."""
    for name, module in list(sys.modules.items()):
        if not name.startswith("__editable__"):
            continue
        for package, path in getattr(module, "MAPPING", {}).items():
            yield package, os.path.realpath(path)
        for package, paths in getattr(module, "NAMESPACES", {}).items():
            for path in paths:
                yield package, os.path.realpath(path)
    for entry, name in _listed(entries):
        path = os.path.join(entry, name)
        if entry.endswith("-packages") and os.path.islink(path):
            yield name.partition(".")[0], os.path.realpath(path)


def _stand_on_links(entries: list[str]) -> None:
    """Let the kept answer stand on the files that make editable installs."""
    for entry, name in _listed(entries):
        if name.endswith(".pth") or name.startswith("__editable__"):
            kit.stand_on(os.path.join(entry, name))


def _listed(entries: list[str]) -> typing.Iterator[tuple[str, str]]:
    for entry in filter(os.path.isdir, entries):
        try:
            names = os.listdir(entry)
        except OSError:
            continue
        for name in names:
            yield entry, name


if __name__ == "__main__":
    kit.serve(answer)
