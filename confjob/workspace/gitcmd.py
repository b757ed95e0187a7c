"""git, asked so that it changes nothing and nobody's environment misleads it.

A launch from a git hook has `GIT_DIR` and `GIT_INDEX_FILE` set to somebody else's business;
`git status` likes to refresh the index it reads; `core.fsmonitor` starts a daemon. All of that
is switched off here, once.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

__all__ = ["ask_git", "git_environment"]

#: What a person may have set up for git as a whole, rather than for one repository.
_KEPT = ("GIT_CONFIG_", "GIT_CEILING_DIRECTORIES", "GIT_DISCOVERY_ACROSS_FILESYSTEM", "GIT_EXEC_PATH")
_QUIET = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")


def git_environment() -> dict[str, str]:
    """Return this process's environment without what would point git at another repository."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or (name.startswith(_KEPT) and name != "GIT_CONFIG_PARAMETERS")
    }
    return {**kept, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


def ask_git(folder: Path, *arguments: str, data: bytes = b"") -> bytes | None:
    """Return what git prints when run in `folder`, or None where it is missing or says no.

    Args:
        folder: The working directory.
        arguments: The git command and its arguments.
        data: What the command reads.
    """
    argv = ["git", *_QUIET, *arguments]
    try:
        done = subprocess.run(
            argv, cwd=folder, env=git_environment(), input=data, capture_output=True, check=False
        )
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
