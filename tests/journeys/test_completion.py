"""A TAB in a real bash, a real zsh and a real fish.

The shell runs at a terminal of its own, with a home folder of its own. Each test types, and
then a key that makes the shell write its command line to a file: what stands there is what
the person would see on the line, whatever the terminal was sent.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest

SECONDS = 60
#: Ctrl-X Ctrl-P: write the line down. Ctrl-U: empty it.
TELL, EMPTY = "\x18\x10", "\x15"

#: Makes the terminal the shell's own, as a terminal emulator does.
START = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""

RC = {
    "bash": """
PS1='$ '
bind 'set enable-bracketed-paste off'
source <(confjob completion bash)
tell() { printf 'line %s\\n' "$READLINE_LINE" >>"$TOLD"; }
bind -x '"\\C-x\\C-p": tell'
PROMPT_COMMAND='echo ready >>"$TOLD"'
""",
    "zsh": """
PS1='$ '
fpath=("$HOME/functions" $fpath)
autoload -Uz compinit && compinit -u -D
setopt no_beep
tell() { print -r -- "line $BUFFER" >>"$TOLD"; }
zle -N tell
bindkey -e
bindkey '^X^P' tell
precmd() { echo ready >>"$TOLD"; }
""",
    "fish": """
set -g fish_greeting
set -g fish_features no-query-term
function tell; printf 'line %s\\n' (commandline -b | string collect) >>"$TOLD"; end
bind \\cx\\cp tell
bind \\cu kill-whole-line
function on_prompt --on-event fish_prompt; echo ready >>"$TOLD"; end
""",
}
COMMANDS = {
    "bash": ["bash", "--noprofile", "--rcfile", "{home}/.bashrc", "-i"],
    "zsh": ["zsh", "-i"],
    "fish": ["fish", "-i"],
}


class Terminal:
    """An interactive shell in a project's folder."""

    def __init__(self, shell, project, home):
        self.shell, self.home, self.told = shell, home, home / "told"
        self.screen = ""
        self.environ = environment(project, home, self.told)
        prepare(shell, home, self.environ)
        self.master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 160, 0, 0))
        command = [word.format(home=home) for word in COMMANDS[shell]]
        self.process = subprocess.Popen(
            [sys.executable, "-c", START, *command],
            cwd=project.root,
            env=self.environ,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.wait(lambda: "ready" in self.notes(), "no prompt")

    def notes(self):
        text = self.told.read_text(encoding="utf-8") if self.told.exists() else ""
        return text.splitlines()

    def lines(self):
        return [note[5:] for note in self.notes() if note.startswith("line ")]

    def type(self, text):
        """Type text, and return the line as it stands then."""
        before = len(self.lines())
        self.screen = ""
        os.write(self.master, (EMPTY + text + TELL).encode())
        self.wait(lambda: len(self.lines()) > before, f"no line after {text!r}")
        return self.lines()[-1]

    def wait(self, condition, failure):
        until = time.monotonic() + SECONDS
        while not condition():
            if time.monotonic() > until or self.process.poll() is not None:
                raise AssertionError(f"{self.shell}: {failure}; on the screen: {self.screen!r}")
            if select.select([self.master], [], [], 0.02)[0]:
                self.read()

    def read(self):
        try:
            text = os.read(self.master, 65536).decode(errors="replace")
        except OSError:
            return  # the shell is gone
        if re.search(r"\x1b\[0?c", text):
            os.write(self.master, b"\x1b[?62c")  # a terminal says what it is when it is asked
        self.screen += text

    def seen(self):
        """Return what was printed since the last typing, without colours and movements."""
        while select.select([self.master], [], [], 0.2)[0]:
            self.read()
        return re.sub(r"\x1b(\[[0-9;?>=]*[ -/]*[@-~]|[()][A-Z0-9]|[=>])|[\r\x0f]", "", self.screen)

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(SECONDS)
        os.close(self.master)


def environment(project, home, told):
    """Return an environment in which nothing of the tester's own rc files counts."""
    program = home / "bin" / "confjob"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!{sys.executable}\nfrom confjob.__main__ import main\n\nmain()\n")
    program.chmod(0o755)
    kept = {name: project.environ[name] for name in ("LANG", "LC_ALL") if name in project.environ}
    folders = {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CONFIG", "DATA", "CACHE", "STATE")}
    path = f"{program.parent}{os.pathsep}{project.environ['PATH']}"
    return {**kept, **folders, "HOME": str(home), "TOLD": str(told), "PATH": path, "TERM": "xterm"}


def prepare(shell, home, environ):
    """Write the shell's rc file, and the script where it belongs."""
    confjob = [str(home / "bin" / "confjob"), "completion", shell]
    if shell == "zsh":
        text = subprocess.run(confjob, env=environ, capture_output=True, text=True, check=True).stdout
        (home / "functions").mkdir()
        (home / "functions" / "_confjob").write_text(text)
    if shell == "fish":
        subprocess.run([*confjob, "--install"], env=environ, capture_output=True, check=True)
    rc = {"bash": ".bashrc", "zsh": ".zshrc", "fish": "config/fish/config.fish"}[shell]
    (home / rc).parent.mkdir(parents=True, exist_ok=True)
    (home / rc).write_text(RC[shell])


MANIFEST = """
[jobs.train]
command = ["python", "train.py"]
description = "Digit classifier"

[[jobs.train.files]]
path = "config.yaml"

[jobs.train.files.schema.properties]
optimizer = { enum = ["adam", "sgd", "two words"], description = "how to descend" }

[jobs.evaluate]
command = ["python", "train.py"]
"""
CONFIG = "learning_rate: 0.1\noptimizer: sgd\nshuffle: true\nmodel:\n  layers: 2\n  width: 8\ndotted.key: 1\n"


@pytest.fixture
def folder(project):
    project.write({"launch.toml": MANIFEST, "config.yaml": CONFIG, "train.py": "print('done')\n"})
    # A TAB would read the job as well, but gives up where the machine is too busy.
    project.confjob("show", "train")
    return project


@pytest.fixture(params=list(RC))
def shell(request):
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return request.param


@pytest.fixture
def terminal(shell, folder, tmp_path):
    opened = Terminal(shell, folder, tmp_path / "home")
    yield opened
    opened.close()


def words(line):
    return shlex.split(line)


def test_verbs_jobs_paths_and_values_are_completed(terminal):
    assert terminal.type("confjob lau\t") == "confjob launch "
    assert terminal.type("confjob launch tr\t") == "confjob launch train "
    assert terminal.type("confjob launch train --fol\t") == "confjob launch train --follow "
    assert terminal.type("confjob launch train --tar\t") == "confjob launch train --target "
    assert terminal.type("confjob plan train --target lo\t") == "confjob plan train --target local "
    assert terminal.type("confjob plan train --set learn\t") == "confjob plan train --set learning_rate="
    assert terminal.type("confjob plan train --set=learn\t") == "confjob plan train --set=learning_rate="
    assert terminal.type("confjob plan train --set lay\t") == "confjob plan train --set model.layers="
    assert terminal.type("confjob plan train --set shuffle=f\t") == "confjob plan train --set shuffle=false "
    assert (
        terminal.type("confjob plan train --set optimizer=a\t") == "confjob plan train --set optimizer=adam "
    )
    assert terminal.type("confjob explain train opt\t") == "confjob explain train optimizer "


def test_a_colon_and_an_equals_sign_are_letters_of_the_word(terminal):
    head = "confjob plan train --set"
    assert terminal.type(f"{head} config.yaml:op\t") == f"{head} config.yaml:optimizer="
    assert terminal.type(f"{head} config.yaml:optimizer=a\t") == f"{head} config.yaml:optimizer=adam "
    assert terminal.type(f"{head}=config.yaml:optimizer=a\t") == f"{head}=config.yaml:optimizer=adam "
    assert terminal.type(f"{head} resources:gp\t") == f"{head} resources:gpus="
    assert (
        terminal.type(f"{head} a=1 --set config.yaml:le\t") == f"{head} a=1 --set config.yaml:learning_rate="
    )


def test_a_function_is_completed_behind_its_file(terminal, folder):
    folder.write({"steps.py": "from confjob import job\n\n@job\ndef fit(lr: float = 0.1): ...\n"})
    assert terminal.type("confjob show ste\t") == "confjob show steps.py:fit "
    assert terminal.type("confjob show steps.py:f\t") == "confjob show steps.py:fit "


def test_what_a_shell_must_quote_is_quoted(terminal):
    line = terminal.type("confjob plan train --set optimizer=tw\t")
    assert words(line) == ["confjob", "plan", "train", "--set", "optimizer=two words"]
    line = terminal.type("confjob plan train --set config.yaml:dot\t")
    assert words(line)[-1] == r"config.yaml:dotted\.key="


def test_a_quote_that_is_open_stays(terminal):
    line = terminal.type("confjob plan train --set 'config.yaml:optimizer=tw\t").rstrip().rstrip("'") + "'"
    assert words(line)[-1] == "config.yaml:optimizer=two words"


def test_a_run_is_completed_from_its_first_letters(terminal, folder):
    run = folder.launch("train", "--name", "first-try")["id"]
    assert terminal.type(f"confjob status {run[:3]}\t") == f"confjob status {run} "
    assert terminal.type(f"confjob rerun {run[:3]}\t") == f"confjob rerun {run} "
    assert terminal.type(f"confjob rerun {run} --set learn\t") == f"confjob rerun {run} --set learning_rate="


def test_several_candidates_are_listed_with_what_they_are(terminal):
    assert terminal.type("confjob plan train --set model.\t\t").startswith("confjob plan train --set model.")
    shown = terminal.seen()
    assert "model.layers=" in shown
    assert "model.width=" in shown
    if terminal.shell != "bash":
        assert "int" in shown
        assert "now 8" in shown


def test_files_are_completed_where_a_file_is_meant(terminal, folder):
    folder.write({"overrides.yaml": "learning_rate: 1\n"})
    line = terminal.type("confjob plan train --inputs overr\t")
    assert line == "confjob plan train --inputs overrides.yaml "


def test_a_manifest_that_cannot_be_read_leaves_line_and_screen_alone(terminal, folder):
    folder.write({"launch.toml": "[jobs.train\n"})
    assert terminal.type("confjob plan train --set lear\t").rstrip() == "confjob plan train --set lear"
    assert terminal.type("confjob launch xyz\t").rstrip() == "confjob launch xyz"
    shown = terminal.seen()
    assert "Error" not in shown
    assert "confjob:" not in shown


def test_an_earlier_command_on_the_line_does_not_count(terminal):
    line = terminal.type("true; confjob launch tr\t")
    assert line == "true; confjob launch train "
