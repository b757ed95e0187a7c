"""Runs cases of the table against the real wandb package; started in its interpreter.

    python table_probe.py REQUEST ANSWER

REQUEST is JSON: case id to `{"do": NAME, "files": {…}, "env": {…}, …}`; ANSWER becomes
case id to what came of it: a value or an error, the warnings, and the files afterwards.
Every case runs in a forked child with its own working folder, because wandb keeps its
state in singletons, and because some cases never end.
"""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import wandb
from wandb.sdk import launch
from wandb.sdk.data_types import _dtypes
from wandb.sdk.launch.inputs import files as wandb_files
from wandb.sdk.launch.inputs import internal

#: Seconds after which a case counts as one that never ends, unless it has its own `limit`.
LIMIT = 60


def split(case: dict[str, Any]) -> Any:
    """Parse a path, or each path of a list, as `include` does."""
    return [internal._split_on_unesc_dot(path) for path in case["paths"]]


def config(case: dict[str, Any]) -> Any:
    """Call `manage_wandb_config`; return what a run that starts then is told."""
    for arguments in case["calls"]:
        launch.manage_wandb_config(**_with_schema(arguments))
    return _told()


def file(case: dict[str, Any]) -> Any:
    """Call `manage_config_file`; return what a run that starts then is told."""
    for call in case["calls"]:
        launch.manage_config_file(**_with_schema(call))
        if "write" in case:
            Path(call["path"]).write_text(case["write"], encoding="utf-8")
        os.environ.update(case.get("env_later", {}))
    return _told()


def read(case: dict[str, Any]) -> Any:
    """Read a config file as an override would."""
    return wandb_files._read_config_file(case["path"])


def schema(case: dict[str, Any]) -> Any:
    """Prepare a schema and check it, as both calls do, twice where `twice` says so."""
    given = _object(case["schema"]) if isinstance(case["schema"], str) else case["schema"]
    for _ in range(2 if case.get("twice") else 1):
        prepared = internal._prepare_schema(given)
        internal._validate_schema(prepared)
    return prepared


def without_jsonschema(case: dict[str, Any]) -> Any:
    """Give a schema where the package jsonschema is missing."""
    sys.modules["jsonschema"] = None  # type: ignore[assignment]
    return schema(case)


def type_of(case: dict[str, Any]) -> Any:
    """Return the type that the Python package gives a value."""
    return _dtypes.TypeRegistry.type_of(case["value"]).to_json()


def assign(case: dict[str, Any]) -> Any:
    """Check a config against the types of another, as `Job.call` does."""
    known = _dtypes.TypeRegistry.type_of(case["known"])
    return [_named(known.assign(value)) for value in case["values"]]


def load(case: dict[str, Any]) -> Any:
    """Call `load_wandb_config`; then set what `then` says."""
    loaded = launch.load_wandb_config()
    loaded.update(case.get("then", {}))
    return dict(loaded)


def init(case: dict[str, Any]) -> Any:
    """Start an offline run and return its config."""
    try:
        return dict(wandb.init(config=case["config"]).config)
    finally:
        wandb.teardown()  # ends wandb's own process, whatever came of the run


def _named(kind: Any) -> str:
    return "refused" if isinstance(kind, _dtypes.InvalidType) else "accepted"


def _with_schema(arguments: dict[str, Any]) -> dict[str, Any]:
    given = arguments.get("schema")
    return {**arguments, "schema": _object(given)} if isinstance(given, str) else arguments


def _object(reference: str) -> Any:
    """Return `module:name` of the case's folder."""
    sys.path.insert(0, str(Path.cwd()))
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)


class _Run:
    """Stands for a run that starts: it keeps what it is told of inputs."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self._interface = self

    def save(self, *_: Any, **__: Any) -> None:
        """Stand for the upload of a file."""

    def publish_job_input(self, **request: Any) -> None:
        """Note a request, less what is empty in it."""
        self.told.append({key: value for key, value in request.items() if value})


def _told() -> list[dict[str, Any]]:
    run = _Run()
    internal.StagedLaunchInputs().apply(run)
    return run.told


_DO = {
    each.__name__: each
    for each in (split, config, file, read, schema, without_jsonschema, type_of, assign, load, init)
}


def _run(case: dict[str, Any], folder: Path, answer: Connection) -> None:
    folder.mkdir(parents=True)
    os.chdir(folder)
    _prepare(case)
    warnings: list[str] = []
    wandb.termwarn = lambda text, **_: warnings.append(text)
    outcome: dict[str, Any] = {}
    try:
        outcome["value"] = json.loads(json.dumps(_DO[case["do"]](case)))
    except Exception as error:  # noqa: BLE001 - the answer says which
        outcome.update(error=type(error).__name__, message=str(error))
    outcome["warnings"] = warnings
    outcome["after"] = _texts({name: Path(name) for name in case.get("files", {})})
    outcome["names"] = sorted(path.name for path in Path.cwd().iterdir())
    outcome["copies"] = _copies(case)
    answer.send(json.dumps(outcome))


def _prepare(case: dict[str, Any]) -> None:
    os.environ.update(case.get("env", {}))
    for name, text in case.get("files", {}).items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")
    for name, target in case.get("links", {}).items():
        Path(name).symlink_to(target)
    for name in case.get("folders", ()):
        Path(name).mkdir()
    os.chdir(case.get("cwd", "."))


def _texts(paths: dict[str, Path]) -> dict[str, str]:
    return {name: path.read_text(encoding="utf-8") for name, path in paths.items() if path.is_file()}


def _copies(case: dict[str, Any]) -> dict[str, str]:
    """Return what `manage_config_file` has put aside."""
    made = internal.ConfigTmpDir._instance
    if made is None:
        return {}
    return _texts({name: made.configs_dir / name for name in case.get("files", {})})


def _outcome(case: dict[str, Any], folder: Path) -> dict[str, Any]:
    forking = multiprocessing.get_context("fork")
    mine, theirs = forking.Pipe(duplex=False)
    child = forking.Process(target=_run, args=(case, folder, theirs))
    child.start()
    theirs.close()
    try:
        if not mine.poll(case.get("limit", LIMIT)):
            child.kill()
            return {"never_ends": True}
        return json.loads(mine.recv())
    except EOFError:
        return {"error": "EOFError", "message": "the child died"}
    finally:
        child.join()


def main(request: str, answer: str) -> None:
    """Answer all cases of a request."""
    home = Path(request).resolve().parent / "cases"
    cases = json.loads(Path(request).read_text(encoding="utf-8"))
    found = {name: _outcome(case, home / name) for name, case in cases.items()}
    Path(answer).write_text(json.dumps({"version": wandb.__version__, "cases": found}), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
