"""The job's interpreter: which one it is, and how it is asked about the job's code.

Only the job's own interpreter has the job's frameworks, and only a process of its own
keeps their imports, prints and crashes out of confjob. A probe is a stdlib-only script
run by path; it answers through a file, because frameworks print on stdout. Answers are
kept for as long as the project's files that they came from are unchanged, so that a
script that imports torch does not cost its import at every `confjob show`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from confjob.errors import InputError
from confjob.model import Ask
from confjob.progress import doing
from confjob.tree import Json

__all__ = ["PROBES", "Interpreter", "asker", "find_interpreter"]

#: The folder of confjob's own probe scripts.
PROBES: Final = Path(__file__).parent / "probes"

_TIME_LIMIT: Final = 60.0
_VERSION: Final = 1


@frozen(kw_only=True)
class Interpreter:
    """A Python that runs the job.

    Args:
        path: The executable; a link in a virtual environment's `bin` is not followed,
            for it is the link that makes the environment.
        bin: The folder that goes first on the job's PATH.
        prefix: The root of the virtual environment, or None.
        why: Where it was said, for people.
    """

    path: Path
    bin: Path
    prefix: Path | None
    why: str


def find_interpreter(root: Path, declared: str | None, environ: Mapping[str, str]) -> Interpreter:
    """Return the interpreter of a job, as design section 4 orders them.

    Args:
        root: The project root.
        declared: The manifest's `python`: a path relative to `root` (a virtual
            environment's folder will do), or a bare name to find on the PATH.
        environ: The environment of whoever launches.

    Raises:
        InputError: When the declared one is missing or can't be run, or there is none.
    """
    if declared:
        return _interpreter(_declared(root, declared, environ), f"python = {declared!r} in launch.toml")
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        path = Path(environ.get(variable, ""), "bin", "python")
        if environ.get(variable) and _runs(path):
            return _interpreter(path, f"the active environment ({variable})")
    beside = root / ".venv" / "bin" / "python"
    if _runs(beside):
        return _interpreter(beside, ".venv beside the manifest")
    for name in ("python", "python3"):
        found = shutil.which(name, path=environ.get("PATH"))
        if found:
            return _interpreter(Path(found), f"{name} on the PATH")
    raise InputError("no Python was found for the job", hint='say python = "path/to/python" in launch.toml')


def asker(  # noqa: PLR0913 - each is one word to whoever asks
    interpreter: Interpreter | Path,
    root: Path,
    cache: Path,
    *,
    time_limit: float = _TIME_LIMIT,
    environ: Mapping[str, str] | None = None,
    kept_only: bool = False,
) -> Ask:
    """Return the function that asks a probe script in the job's interpreter.

    The script is run as `python -B SCRIPT REQUEST.json ANSWER.json` in `root` and writes
    `{"version": 1, "answer": …, "files": [project files it stands on]}` or
    `{"version": 1, "error": {"type", "message", "file"?, "line"?, "name"?}}`.

    Args:
        interpreter: The job's interpreter.
        root: The project root, the script's working directory.
        cache: The folder for kept answers.
        time_limit: Seconds until the script is ended by force.
        environ: The environment to run in; default: this process's.
        kept_only: Start nothing; what was never asked has no answer.

    Returns:
        A function of script and request. It raises `InputError` when there is no answer,
        naming the place in the user's code that is at fault. Errors are not kept.
    """
    where = interpreter if isinstance(interpreter, Interpreter) else _interpreter(interpreter, "given")
    variables = _environment(where, os.environ if environ is None else environ)
    return _Asker(
        interpreter=where,
        root=root,
        cache=cache,
        variables=variables,
        identity=(_VERSION, str(root), variables.get("PYTHONPATH", ""), *_fingerprint(where)),
        time_limit=time_limit,
        kept_only=kept_only,
    )


@frozen(kw_only=True)
class _Asker:
    """The function that `asker` returns."""

    interpreter: Interpreter
    root: Path
    cache: Path
    variables: Mapping[str, str]
    identity: tuple[Json, ...]
    time_limit: float
    kept_only: bool = False

    def __call__(self, script: Path, request: Json) -> Json:
        kept = self.cache / f"{self._key(script, request)}.json"
        entry = _load(kept)
        if entry is not None and _still(entry.get("files"), self.root):
            return entry["answer"]
        if self.kept_only:
            raise InputError(f"{script.name} was never asked this")
        with doing(f"asking the job's Python{_for_whom(script)}"):
            reply = self._run(script, request)
        files = {name: _digest(self.root / name) for name in reply.get("files", ())}
        _store(kept, {"answer": reply["answer"], "files": files})
        return reply["answer"]

    def _key(self, script: Path, request: Json) -> str:
        # With its siblings: a probe may share code with them.
        code = [sha256(file.read_bytes()).hexdigest() for file in sorted(script.parent.glob("*.py"))]
        key = json.dumps([self.identity, str(script), code, request], sort_keys=True)
        return sha256(key.encode()).hexdigest()[:32]

    def _run(self, script: Path, request: Json) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(prefix="confjob-probe-") as folder:
            asked, answered, output = (Path(folder, name) for name in ("request", "answer", "output"))
            asked.write_text(json.dumps(request), encoding="utf-8")
            argv = [str(self.interpreter.path), "-B", str(script), str(asked), str(answered)]
            code = self._wait(argv, output)
            reply = _load_reply(answered)
            if reply is None:
                raise self._silent(script, code, output)
        if "error" in reply:
            raise _refusal(reply["error"], self.interpreter, script)
        return reply

    def _wait(self, argv: list[str], output: Path) -> int | None:
        """Run `argv` to its end; returns the exit code, or None past the time limit.

        Output goes to a file, not a pipe: a pipe inherited by a grandchild would keep us
        waiting after the script has ended.
        """
        with output.open("wb") as stream:
            process = subprocess.Popen(
                argv,
                cwd=self.root,
                env=self.variables,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            return process.wait(self.time_limit)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _silent(self, script: Path, code: int | None, output: Path) -> InputError:
        late = code is None
        what = f"gave no answer within {self.time_limit:g} s" if late else f"ended with {code} and no answer"
        lines = output.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        said = f": {lines[-1]}" if lines else ""
        hang = "code that runs when a module is imported may hang: put it under if __name__ == '__main__':"
        return InputError(
            f"{self.interpreter.path} {script.name} {what}{said}",
            hint=hang if late else "see that the interpreter works and the project's modules can be imported",
        )


def _declared(root: Path, declared: str, environ: Mapping[str, str]) -> Path:
    if "/" not in declared and not (root / declared).exists():
        found = shutil.which(declared, path=environ.get("PATH"))
        if found is None:
            raise InputError(
                f"python = {declared!r} in launch.toml: no such program on the PATH",
                hint="give a path relative to launch.toml, such as .venv/bin/python",
            )
        return Path(found)
    path = root / Path(declared).expanduser()
    path = path / "bin" / "python" if path.is_dir() else path
    if not _runs(path):
        what = "can't be executed" if path.exists() else "does not exist"
        raise InputError(
            f"python = {declared!r} in launch.toml: {path} {what}",
            hint="make the environment (python -m venv .venv), or correct the path",
        )
    return path


def _interpreter(path: Path, why: str) -> Interpreter:
    # Never resolve(): following bin/python out of a virtual environment leaves it.
    absolute = path.absolute()
    prefix = absolute.parent.parent
    is_venv = (prefix / "pyvenv.cfg").is_file()
    return Interpreter(path=absolute, bin=absolute.parent, prefix=prefix if is_venv else None, why=why)


def _runs(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _environment(interpreter: Interpreter, environ: Mapping[str, str]) -> dict[str, str]:
    # Without CONFJOB_RUN_DIR: a probe inside a run must not mark that run's inputs as read.
    variables = {name: text for name, text in environ.items() if name != "CONFJOB_RUN_DIR"}
    variables["PATH"] = f"{interpreter.bin}{os.pathsep}{environ.get('PATH', os.defpath)}"
    variables.pop("VIRTUAL_ENV", None)  # confjob's own may be another than the job's
    if interpreter.prefix is not None:
        variables["VIRTUAL_ENV"] = str(interpreter.prefix)
    return variables


def _fingerprint(interpreter: Interpreter) -> Iterator[Json]:
    """Yield what changes when the interpreter or its set of packages does."""
    yield str(interpreter.path)
    real = interpreter.path.resolve()
    prefix = interpreter.prefix or real.parent.parent
    packages = sorted(prefix.glob("lib/python3*/*-packages"))
    for path in (real, prefix / "pyvenv.cfg", *packages):
        try:
            found = path.stat()
        except OSError:
            continue
        yield [str(path), found.st_mtime_ns, found.st_size]


def _for_whom(script: Path) -> str:
    """Return the package that asks, where it is a plugin: its framework may take seconds to start."""
    package = script.parent.parent if script.parent.name == "probes" else script.parent
    return "" if package == PROBES.parent else f" for {package.name}"


def _load(kept: Path) -> dict[str, Any] | None:
    """Return a kept entry; a corrupt one counts as absent."""
    try:
        entry = json.loads(kept.read_bytes())
    except (OSError, ValueError):
        return None
    return entry if isinstance(entry, dict) and "answer" in entry else None


def _still(files: Json, root: Path) -> bool:
    return isinstance(files, dict) and all(_digest(root / name) == seen for name, seen in files.items())


def _digest(path: Path) -> str | None:
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _store(kept: Path, entry: Json) -> None:
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=kept.parent, prefix=".", suffix=".tmp")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(entry, stream)
        Path(name).replace(kept)
    except OSError:
        return  # a cache that can't be written only costs time


def _load_reply(answered: Path) -> dict[str, Any] | None:
    reply = None
    try:
        reply = json.loads(answered.read_bytes())
    except (OSError, ValueError):
        return None
    known = isinstance(reply, dict) and reply.get("version") == _VERSION
    return reply if known and ("answer" in reply or "error" in reply) else None


def _refusal(error: Mapping[str, Any], interpreter: Interpreter, script: Path) -> InputError:
    place = ":".join(str(part) for part in (error.get("file"), error.get("line")) if part)
    said = ": ".join(filter(None, (error.get("type"), str(error.get("message", "")).strip())))
    missing = error.get("name") if error.get("type") == "ModuleNotFoundError" else None
    hint = ""
    if missing:
        hint = (
            f"the job's interpreter {interpreter.path} lacks {missing.partition('.')[0]}: "
            "install it there, or say python = ... in launch.toml"
        )
    return InputError(f"{place or f'{script.name}, run by {interpreter.path}'}: {said}", hint=hint)
