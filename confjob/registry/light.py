"""What importing a plugin costs and does, found out in a process of its own.

Every user of confjob pays for a plugin's imports, and a plugin that acts when it is
imported acts for people who never asked for it. Neither can be seen from inside a process
that has imported the plugin before, so another one imports it and reports.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

__all__ = ["import_faults"]

_IMPORTER: Final = Path(__file__).with_name("importing.py")

#: Standard library, but slow: 20 to 60 ms each.
_SLOW: Final = frozenset({"asyncio", "multiprocessing", "tkinter", "unittest"})

_SECONDS: Final = 60


def import_faults(
    module: str, path: Collection[str] | None = None, allowed: Collection[str] = ()
) -> list[str]:
    """Return what is wrong with importing a plugin's module, in words; empty if nothing is.

    Args:
        module: What an entry point names, `package.module` or `package.module:object`; or
            the path of a `confjob_plugins.py`.
        path: Where modules are found; default: where this process finds them.
        allowed: Top-level packages that it may import besides its own, the standard
            library and what `confjob.plugin` has imported.
    """
    searched = list(sys.path if path is None else path)
    told = _report({"module": module, "path": searched})
    if "error" in told:
        return [f"{module} can't be imported: {told['error']}"]
    return [*_heavy(module, told["modules"], allowed), *_deeds(told)]


def _report(request: Mapping[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer"
        try:
            done = subprocess.run(
                [sys.executable, "-B", str(_IMPORTER), json.dumps(request), str(answer)],
                cwd=folder,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return {"error": f"it goes on for more than {_SECONDS} s"}
        if not answer.is_file():
            return {"error": (done.stderr.splitlines() or [f"exit code {done.returncode}"])[-1]}
        told: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
        return {**told, "printed": done.stdout + done.stderr}


def _heavy(module: str, imported: Collection[str], allowed: Collection[str]) -> Iterator[str]:
    inline = module.endswith(".py")
    own = Path(module).stem if inline else module.partition(":")[0].partition(".")[0]
    light = {*sys.stdlib_module_names, "confjob", own, *allowed} - (_SLOW - set(allowed))
    tops = {name.partition(".")[0] for name in imported}
    # A project's own file is imported under a name that begins with its own.
    for name in sorted(name for name in tops - light if not (inline and name.startswith(f"{own}_"))):
        yield f"it imports {name}; import that inside the function that needs it"


def _deeds(told: Mapping[str, Any]) -> Iterator[str]:
    for deed in told["deeds"]:
        yield f"importing or registering it {deed}"
    if told["printed"]:
        yield f"importing or registering it prints {told['printed'].strip()[:200]!r}"
