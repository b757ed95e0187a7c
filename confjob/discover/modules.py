"""How a script is started: by its path, or as a module where its imports need that."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from attrs import frozen

from confjob.discover.scripts import Script

__all__ = ["Start", "entry_points", "local_files", "started"]


@frozen(kw_only=True)
class Start:
    """The words that start a script, and the folder that its imports need."""

    command: tuple[str, ...]
    pythonpath: str | None = None


def started(script: Script, names: Collection[PurePosixPath]) -> Start:
    """Return how a script is started in the project's folder.

    Args:
        script: The script.
        names: The project's files.
    """
    dotted = _module(script.path)
    if script.path.name != "__main__.py" and not _needs_module(script, names):
        return Start(command=("python", str(script.path)))
    if dotted is None:
        return Start(command=("python", str(script.path)))
    in_src = script.path.parts[0] == "src" and PurePosixPath("src/__init__.py") not in names
    return Start(command=("python", "-m", dotted), pythonpath="src" if in_src else None)


def local_files(script: Script, names: Collection[PurePosixPath]) -> Iterator[PurePosixPath]:
    """Yield the project's files that a script imports by name."""
    bases = list(dict.fromkeys([script.path.parent, PurePosixPath(), PurePosixPath("src")]))
    for module in sorted(script.local):
        level = len(module) - len(module.lstrip("."))
        above = [script.path.parents[level - 1]] if 0 < level <= len(script.path.parents) else bases
        inside = PurePosixPath(*module.lstrip(".").split(".")) if module.lstrip(".") else PurePosixPath()
        tried = [base / inside.with_suffix(".py") for base in above] if inside.name else []
        yield from (path for path in tried if path in names)


def entry_points(root: Path) -> Mapping[str, str]:
    """Return the commands of `[project.scripts]` in pyproject.toml, by name."""
    try:
        table = _toml(root / "pyproject.toml")
    except (OSError, ValueError):
        return {}
    tools = table.get("tool", {}).get("poetry", {})
    scripts = table.get("project", {}).get("scripts") or tools.get("scripts") or {}
    return {name: said for name, said in scripts.items() if isinstance(said, str) and ":" in said}


def _toml(path: Path) -> dict[str, Any]:
    import tomlkit

    return tomlkit.parse(path.read_text(encoding="utf-8")).unwrap()


def _module(path: PurePosixPath) -> str | None:
    """Return the dotted name of a file as seen from the root or from `src`."""
    parts = list(path.with_suffix("").parts)
    if parts[0] == "src" and len(parts) > 1:
        parts = parts[1:]
    if parts[-1] == "__main__":
        parts = parts[:-1]
    return ".".join(parts) if parts and all(part.isidentifier() for part in parts) else None


def _needs_module(script: Script, names: Collection[PurePosixPath]) -> bool:
    """Whether a script imports its own package, or one that lies at the project's root."""
    if len(script.path.parts) == 1:
        return False
    if any(module.startswith(".") for module in script.local):
        return True
    folders = {path.parts[0] for path in names if path.suffix == ".py" and len(path.parts) > 1}
    folders |= {
        path.parts[1]
        for path in names
        if path.suffix == ".py" and path.parts[0] == "src" and len(path.parts) > 2
    }
    beside = {
        path.parts[len(script.path.parts) - 1] for path in names if path.is_relative_to(script.path.parent)
    }
    tops = {module.partition(".")[0] for module in script.local}
    return bool(tops & folders - {name for name in beside if name not in script.path.parts})
