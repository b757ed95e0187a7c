"""`confjob completion`."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click

from confjob.cli.completing.shells import SHELLS, script
from confjob.cli.output import echo, note
from confjob.errors import InputError

__all__ = ["completion"]

#: Where bash-completion, which loads scripts from the user's folder, lies.
_LOADERS = (
    "/usr/share/bash-completion/bash_completion",
    "/usr/local/share/bash-completion/bash_completion",
    "/opt/homebrew/share/bash-completion/bash_completion",
    "/etc/profile.d/bash_completion.sh",
)


@click.command()
@click.argument("shell", type=click.Choice(SHELLS), required=False)
@click.option("--install", is_flag=True, help="Write the script where the shell loads it by itself.")
def completion(shell: str | None, install: bool) -> None:
    """Print the script that completes confjob's commands in SHELL.

    Without SHELL it is that of your $SHELL. With --install the script is written to where
    new shells look for it, and the place is told; files such as ~/.bashrc are never
    edited: what is to stand in them is printed.

    \b
    Examples:
      confjob completion --install
      eval "$(confjob completion bash)"
    """
    chosen = shell or _of_user()
    if install:
        {"bash": _install_bash, "zsh": _install_zsh, "fish": _install_fish}[chosen]()
    else:
        echo(script(chosen).rstrip("\n"))


def _of_user() -> str:
    name = Path(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        known = ", ".join(SHELLS)
        raise click.UsageError(f"$SHELL is {name or 'not set'}; say which shell: {known}")
    return name


def _install_bash() -> None:
    folder = os.environ.get("BASH_COMPLETION_USER_DIR") or _data("bash-completion")
    place = _write(Path(folder) / "completions" / "confjob", "bash")
    if any(Path(loader).exists() for loader in _LOADERS):
        note("new shells load it by themselves, with the bash-completion package")
    else:
        note("the bash-completion package, which would load it, was not found; add to ~/.bashrc:")
        echo(f"source {shlex.quote(str(place))}")


def _install_zsh() -> None:
    ours = _data("zsh") / "site-functions"
    # Folders of one's own go before those of the whole machine.
    searched = sorted(_fpath(), key=lambda folder: not folder.is_relative_to(Path.home()))
    folder = next((each for each in searched if each.is_dir() and os.access(each, os.W_OK)), ours)
    _write(folder / "_confjob", "zsh")
    if folder in searched:
        note("new shells find it if ~/.zshrc runs compinit")
    else:
        note("add to ~/.zshrc, before its own compinit if it has one:")
        echo(f"fpath=({shlex.quote(str(folder))} $fpath)\nautoload -Uz compinit && compinit")


def _install_fish() -> None:
    config = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    _write(Path(config) / "fish" / "completions" / "confjob.fish", "fish")
    note("new shells load it by themselves")


def _fpath() -> Iterator[Path]:
    """Yield where zsh looks for functions, as far as that is told without running anyone's ~/.zshrc."""
    try:
        done = subprocess.run(
            ["zsh", "-c", "print -rl -- $fpath"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return
    yield from map(Path, filter(None, done.stdout.splitlines()))


def _data(name: str) -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / name


def _write(place: Path, shell: str) -> Path:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(script(shell), encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"can't write {place}: {error.strerror}", hint=f"confjob completion {shell} prints the script"
        ) from None
    echo(f"wrote {place}")
    return place
