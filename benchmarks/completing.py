"""How long a TAB takes, against the start of a bare Python, which nobody can undercut.

    python benchmarks/completing.py > benchmarks/completing.md

Each line is completed by a process of its own, as a shell does it. Bare starts and
completions take turns, and the best of each counts: what else the machine does only adds.
Warm: a command has read the job before. Cold: nothing has, and the key has to.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 25
RUNS = 1000
PATHS = 400
#: What the installed command does.
CONFJOB = [sys.executable, "-c", "from confjob.__main__ import main; main()"]
LETTERS = "abcdefghjkmnpqrstuvwxyz"

LINES = {
    "verbs": "confjob la",
    "job names": "confjob launch tr",
    f"input paths, of {PATHS}": "confjob launch train --set group_2.option_2",
    "values of one path": "confjob launch train --set optimizer=",
    f"run ids, {RUNS} runs, nothing typed": "confjob status ",
    f"run ids, {RUNS} runs, a letter typed": "confjob status k",
    f"runs that go on, of {RUNS}": "confjob cancel ",
    f"tags, {RUNS} runs": "confjob runs --tag ",
    "plugins": "confjob -p ",
}


def project(root: Path) -> None:
    (root / "launch.toml").write_text(
        '[jobs.train]\ncommand = ["python", "train.py"]\n[[jobs.train.files]]\npath = "config.yaml"\n'
        '[jobs.train.files.schema.properties]\noptimizer = { enum = ["adam", "sgd", "lion"] }\n'
    )
    groups = "".join(
        f"group_{group}:\n"
        + "".join(f"  option_{each}: {each * 0.5}  # of the group\n" for each in range(40))
        for group in range(PATHS // 40)
    )
    (root / "config.yaml").write_text(f"optimizer: adam\n{groups}")
    (root / "train.py").write_text("print('done')\n")


def runs(root: Path) -> None:
    for number in range(RUNS):
        name = "".join(LETTERS[number // 23**place % 23] for place in range(3)) + f"{number:04}"
        folder = root / ".confjob" / "runs" / name[:7]
        (folder / "attempts" / "1").mkdir(parents=True)
        record = {
            "id": folder.name, "job": "train", "name": f"try-{number}", "tags": [f"sweep-{number % 7}"],
            "submitted": time.time(), "changes": [{"input": "config.yaml", "path": f"group_1.option_{each}"} for each in range(20)],
        }  # fmt: skip
        (folder / "run.json").write_text(json.dumps(record))
        for kind in ("launch", "start", "end"):
            (folder / "attempts" / "1" / f"{kind}.json").write_text(
                json.dumps({"exit_code": 0, "at": time.time()})
            )


def seconds(command: list[str], root: Path, line: str = "") -> float:
    environ = {**os.environ, "COMP_LINE": line, "COMP_BREAKS": " =:", "_CONFJOB_COMPLETE": "bash_complete"}
    before = time.perf_counter()
    done = subprocess.run(command, cwd=root, env=environ, capture_output=True, check=True)
    taken = time.perf_counter() - before
    assert not line or "cancel" in line or done.stdout.strip(), f"{line!r}: no candidate"
    return taken


def measure(root: Path, line: str, *, cold: bool) -> tuple[float, float]:
    """Return the least seconds of a bare start and of a completion."""
    bare, asked = [], []
    for _ in range(ROUNDS):
        if cold:
            shutil.rmtree(root / ".confjob" / "cache", ignore_errors=True)
        bare.append(seconds([sys.executable, "-c", "pass"], root))
        asked.append(seconds(CONFJOB, root, line))
    return min(bare), min(asked)


def main() -> None:
    print("# What a TAB takes\n")
    print("By `benchmarks/completing.py`: the best of", ROUNDS, "processes each, in milliseconds, and as a")
    print("multiple of `python -c pass`, taken in turns. Warm: a command has read the job before; cold:")
    print("none has. Python", sys.version.split()[0], "on", os.cpu_count(), "cores.\n")
    print("| what is completed | | python -c pass | TAB | ratio |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        project(root)
        runs(root)
        for what, line in LINES.items():
            row(what, "warm", root, line)
        row(f"input paths, of {PATHS}", "cold", root, LINES[f"input paths, of {PATHS}"])


def row(what: str, how: str, root: Path, line: str) -> None:
    seconds(CONFJOB, root, line)
    bare, asked = measure(root, line, cold=how == "cold")
    print(f"| {what} | {how} | {1000 * bare:.0f} | {1000 * asked:.0f} | {asked / bare:.1f} |", flush=True)


if __name__ == "__main__":
    main()
