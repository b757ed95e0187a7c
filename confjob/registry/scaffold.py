"""Writing a new plugin's package, which works as it stands.

The templates beside this file are what we would write by hand, so whoever changes one of
their functions at a time always has tests that pass. Their names end in `.tmpl`, because
they are no Python before they are filled in.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

from confjob.errors import ConfjobError
from confjob.registry.installed import BUILTIN

__all__ = ["KINDS", "Made", "write_package"]

_TEMPLATES: Final = Path(__file__).with_name("templates")
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

#: kind -> what its README says of it
_SUMMARIES: Final = {
    "format": "`.{{name}}` files as inputs",
    "backend": "Runs on {{name}}",
    "hooks": "What nobody should change, and what values may be",
}
_USAGE: Final = {
    "format": """```toml
[jobs.serve]
command = ["cat", "app.{{name}}"]

[[jobs.serve.files]]
path = "app.{{name}}"
```""",
    "backend": """```toml
[targets.quiet]
backend = "{{name}}"
nice = 15
```""",
    "hooks": "It speaks about every job, once it is installed; `-p no:{{name}}` silences it.",
}
_ENTRY_POINTS: Final = {
    "format": '"confjob.formats"]\n{{name}} = "{{module}}"\n".{{name}}" = "{{module}}"\n',
    "backend": '"confjob.backends"]\n{{name}} = "{{module}}"\n',
    "hooks": '"confjob.plugins"]\n{{name}} = "{{module}}"\n',
}

#: What `plugins new --kind` offers.
KINDS: Final = tuple(_SUMMARIES)


@frozen(kw_only=True)
class Made:
    """A package that was written: its folder, and the files in it by relative path."""

    folder: Path
    files: tuple[str, ...]


def write_package(name: str, kind: str, folder: Path) -> Made:
    """Write a package for a plugin that works; whole or not at all.

    Args:
        name: What users will write, with or without `confjob-` before it.
        kind: One of `KINDS`.
        folder: Where; it must not exist, or be empty.

    Raises:
        ConfjobError: When the name can't be one, or something stands in the folder.
    """
    short = name.removeprefix("confjob-")
    _check_name(short)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfjobError(f"{folder} exists", hint="--dir DIR names another place; nothing is overwritten")
    files = {
        path: _filled(text, _words(short, kind))
        for part in ("common", kind)
        for path, text in _texts(_TEMPLATES / part).items()
    }
    renamed = {path.replace("module/", f"{_module(short)}/", 1): text for path, text in files.items()}
    _write(renamed, folder)
    return Made(folder=folder, files=tuple(sorted(renamed)))


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ConfjobError(
            f"{name!r} can't be the name of a plugin",
            hint="a name is lower-case letters and digits, parted by single hyphens, as in my-format",
        )
    if any(name in BUILTIN[kind] or f".{name}" in BUILTIN[kind] for kind in BUILTIN):
        raise ConfjobError(f"{name!r} is built into confjob, which wins", hint="choose another name")


def _module(name: str) -> str:
    return f"confjob_{name.replace('-', '_')}"


def _words(name: str, kind: str) -> Mapping[str, str]:
    """Return what the templates' placeholders stand for."""
    words = {
        "name": name,
        "module": _module(name),
        "distribution": f"confjob-{name}",
        "class": "".join(part.capitalize() for part in name.split("-")),
    }
    texts = {"summary": _SUMMARIES[kind], "usage": _USAGE[kind]}
    points = f"[project.entry-points.{_ENTRY_POINTS[kind]}"
    return {
        **words,
        **{key: _filled(text, words) for key, text in (*texts.items(), ("entry_points", points))},
    }


def _texts(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix().removesuffix(".tmpl"): path.read_text(encoding="utf-8")
        for path in folder.rglob("*.tmpl")
    }


def _filled(text: str, words: Mapping[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda match: words[match[1]], text)


def _write(files: Mapping[str, str], folder: Path) -> None:
    """Write files beside the folder first, so that it appears whole."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=f".{folder.name}.", dir=folder.parent, ignore_cleanup_errors=True
        ) as draft:
            for name, text in files.items():
                path = Path(draft) / "package" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            (Path(draft) / "package").replace(folder)
    except OSError as error:
        raise ConfjobError(f"can't write {folder}: {error.strerror}") from error
