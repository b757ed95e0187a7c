"""confjob itself: what runs, on what, and whether the shell completes it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from confjob.pipeline.doctoring.findings import Finding, check, fail, note, ok, warn
from confjob.pipeline.doctoring.patient import Patient
from confjob.version import __version__

__all__ = ["completion", "confjob_itself", "machine"]

#: shell -> the files in the home folder that may load its completion.
_STARTUP: Final = {
    "bash": (".bashrc", ".bash_profile", ".profile", ".bash_completion"),
    "zsh": (".zshrc", ".zprofile"),
    "fish": (".config/fish/config.fish",),
}

#: Where what is for everybody on this machine lies.
_SHARES: Final = (Path("/usr/local/share"), Path("/usr/share"))

# Not resolved: a link in a virtual environment's `bin` is what makes it one.
_PYTHON: Final = Path(os.path.normpath(Path(sys.executable).absolute()))


@check("confjob", "version")
def confjob_itself(patient: Patient) -> Iterator[Finding]:
    """Look at the version that runs, and at the one that the shell would run."""
    yield ok("version", f"{__version__}, in {Path(__file__).parents[3]}")
    command = shutil.which("confjob", path=patient.project.environ.get("PATH"))
    if command is None:
        hint = f'export PATH="{_PYTHON.parent}:$PATH"'
        yield warn("command", "confjob is not on the PATH", hint)
    else:
        yield ok("command", command)


@check("confjob", "system")
def machine(_: Patient) -> Iterator[Finding]:
    """Look at what confjob runs on."""
    yield ok("python", f"{platform.python_version()}, {_PYTHON}")
    if os.name == "posix":
        yield ok("system", f"{platform.system()} {platform.release()}, {platform.machine()}")
    else:
        yield fail("system", f"{platform.system()}: runs need a POSIX shell", "on Windows, use WSL")


@check("confjob", "completion")
def completion(patient: Patient) -> Iterator[Finding]:
    """Look whether the shell completes confjob's words."""
    environ = patient.project.environ
    shell = Path(environ.get("SHELL", "")).name
    if shell not in _STARTUP:
        return
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home() fails where there is none
    installed = any(place.is_file() for place in _scripts(shell, environ, home))
    if installed or any(_loads(home / name) for name in _STARTUP[shell]):
        yield ok("completion", f"set up for {shell}")
    else:
        yield note("completion", f"not set up for {shell}", "confjob completion --install")


def _scripts(shell: str, environ: Mapping[str, str], home: Path) -> Iterator[Path]:
    """Yield where a shell looks for the script by itself."""
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    if shell == "bash":
        own = environ.get("BASH_COMPLETION_USER_DIR") or data / "bash-completion"
        yield from (Path(folder, "completions", "confjob") for folder in (own, *_shared("bash-completion")))
    elif shell == "zsh":
        yield from (Path(folder, "site-functions", "_confjob") for folder in (data / "zsh", *_shared("zsh")))
    else:
        yield Path(environ.get("XDG_CONFIG_HOME") or home / ".config", "fish", "completions", "confjob.fish")


def _shared(name: str) -> tuple[Path, ...]:
    return tuple(share / name for share in _SHARES)


def _loads(file: Path) -> bool:
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return "confjob completion" in text or "_CONFJOB_COMPLETE" in text
