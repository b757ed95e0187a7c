"""Record the terminal picture of the docs: real commands in a real terminal, drawn as SVG.

    python docs/pictures/record.py            # draws docs/pictures/story.svg anew

What differs from one recording to the next (ids of runs, the interpreter's path) is replaced,
so that a new recording changes the picture only where confjob prints something else.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import select
import shlex
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from pathlib import Path

from confjob.builtin.local.queue.door import stop_agent

PICTURE = Path(__file__).with_name("story.svg")
COLUMNS = 76
SECONDS = 60

FILES = {
    "train.py": """\
import argparse
from pathlib import Path

import yaml

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=3, help="how long to train")
steps = parser.parse_args().steps

config = yaml.safe_load(Path("config.yaml").read_text())
slope = 0.0
for step in range(1, steps + 1):
    slope -= config["learning_rate"] * 2 * (slope - config["data"]["slope"])
    print(f"step {step}  slope {slope:.3f}")
Path("slope.txt").write_text(f"{slope}\\n")
""",
    "config.yaml": """\
# The optimiser
learning_rate: 0.1   # below 1, or it diverges

data:
  slope: 2.0         # what the fit should find
""",
}

#: {0} and {1} stand for the ids of the runs so far.
STORY = [
    "confjob init",
    "confjob launch train --follow",
    "confjob rerun {0} --set learning_rate=0.4 --follow",
    "confjob diff {0} {1}",
    "confjob outputs {1}",
]

#: What the picture calls the runs.
IDS = ["k7wd3qp", "m2xh8vn"]

_RUN = re.compile(r"^([a-z][a-z2-9]{6})\n", re.MULTILINE)
#: A line of progress, which is erased when it is done; a slow machine shows one.
_ERASED = re.compile(r"\r[^\n]*?\x1b\[K")


def main() -> None:
    """Draw the picture where the docs look for it."""
    with tempfile.TemporaryDirectory() as folder:
        PICTURE.write_text(draw(record(Path(folder))), encoding="utf-8")
    sys.stdout.write(f"{PICTURE}\n")


def record(folder: Path) -> str:
    """Play the story in `folder`; returns what the terminal shows, with its colours."""
    project = folder / "fit"
    project.mkdir()
    for name, text in FILES.items():
        (project / name).write_text(text, encoding="utf-8")
    environ = _environ(folder)
    runs: list[str] = []
    shown = []
    try:
        for line in STORY:
            command = line.format(*runs)
            printed = play(shlex.split(command)[1:], project, environ)
            runs += [run for run in _RUN.findall(printed)[:1] if run not in runs]
            shown.append(f"\x1b[1;32m$\x1b[0m \x1b[1m{command}\x1b[0m\n{printed}")
    finally:
        stop_agent(Path(environ["CONFJOB_MACHINE_DIR"]))
    text = "\n".join(shown)
    for run, name in zip(runs, IDS, strict=True):
        text = text.replace(run, name)
    return text.replace(str(project), "fit").replace(str(Path(sys.executable).parent), ".venv/bin")


def play(arguments: list[str], folder: Path, environ: dict[str, str]) -> str:
    """Run confjob in a terminal; returns what it writes there.

    Raises:
        RuntimeError: When it fails, or takes too long.
    """
    leader, follower = pty.openpty()
    fcntl.ioctl(leader, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    command = [sys.executable, "-m", "confjob", *arguments]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environ,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    ) as process:
        os.close(follower)
        data = b"".join(_blocks(leader))
    os.close(leader)
    code = process.returncode
    text = _ERASED.sub("", data.decode().replace("\r\n", "\n"))
    if code != 0:
        raise RuntimeError(f"confjob {shlex.join(arguments)} ended with {code}:\n{text}")
    return text


def _blocks(leader: int) -> Iterator[bytes]:
    end = time.monotonic() + SECONDS
    while select.select([leader], [], [], max(end - time.monotonic(), 0))[0]:
        try:
            block = os.read(leader, 65536)
        except OSError:  # how Linux says that the other side is closed
            return
        if not block:
            return
        yield block
    raise RuntimeError(f"nothing more came for {SECONDS} s")


def _environ(home: Path) -> dict[str, str]:
    """Return an environment with nobody's settings in it, and a queue of its own."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {
        "HOME": str(home),
        "CONFJOB_MACHINE_DIR": str(home / "machine"),
        "CONFJOB_SLOTS_DIR": str(home / "slots"),
        "LANG": "C.UTF-8",
        "PATH": path,
        "TERM": "xterm-256color",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
    }


def draw(text: str) -> str:
    """Return a terminal's text as SVG."""
    from rich.console import Console
    from rich.text import Text

    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    console.print(Text.from_ansi(text), soft_wrap=False)
    svg = console.export_svg(title="confjob", unique_id="confjob")
    # Fonts from elsewhere are not loaded in an image, and nobody should be asked for them.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL).replace("Fira Code, ", "")
    return re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE)


if __name__ == "__main__":
    main()
