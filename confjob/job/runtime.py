"""What a running job asks confjob: where its inputs are, and what its run config is.

In a launched run (`CONFJOB_RUN_DIR` is set) the values come from the run folder, and a
mark is left that they were read. Started by hand the same calls give the plain file and
the declared defaults, so that a script needs no `if`.
"""

from __future__ import annotations

import copy
import json
import os
import sys
from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

__all__ = ["load_config", "manage_config", "manage_config_file"]

Config = dict[str, Any]

#: What `manage_config` was told in this process.
_managed: Config = {"defaults": [], "include": [], "exclude": [], "schema": None}


def manage_config(
    defaults: Mapping[str, Any] | str | None = None,
    include: Iterable[str] | str | None = None,
    exclude: Iterable[str] | str | None = None,
    schema: Any = None,
) -> None:
    """Declare the run config: what `load_config()` returns and people may change.

    confjob reads the call from the source text, without running it; so the arguments
    should be literals or names of module-level literals (`confjob capture` runs the script
    once, for those that are not). It may be called several times:
    include and exclude accumulate, the last schema wins.

    Args:
        defaults: The values, or the path of a YAML, JSON or TOML file that has them.
        include: Prefixes of what may be changed; a plain string is one prefix.
        exclude: Prefixes of what may not; they win.
        schema: JSON Schema, `"file.py:Object"`, Pydantic model, dataclass or attrs
            class; the values of an *instance* are defaults.
    """
    include, exclude = _listed(include), _listed(exclude)
    _tell("manage_config", defaults=defaults, include=include, exclude=exclude, schema=schema)
    _managed["include"] += include
    _managed["exclude"] += exclude
    if schema is not None:
        _managed["schema"] = schema
    if defaults is not None:
        _managed["defaults"].append(defaults)


def manage_config_file(
    path: str | os.PathLike[str],
    include: Iterable[str] | str | None = None,
    exclude: Iterable[str] | str | None = None,
    schema: Any = None,
) -> Path:
    """Declare a config file, and return the path to read.

    In a launched run the changed file lies at the same relative path of the run's
    private working directory, so the path is the same in both worlds.

    Example:
        >>> str(manage_config_file("config.yaml", exclude=["data_dir"]))
        'config.yaml'
    """
    include, exclude = _listed(include), _listed(exclude)
    _tell("manage_config_file", path=path, include=include, exclude=exclude, schema=schema)
    _mark(_relative(path))
    return Path(path)


def load_config() -> Config:
    """Return the whole run config; what a filter excludes is there with its default.

    Every call gives a fresh copy.

    Raises:
        RuntimeError: When a `launch.toml` has the defaults but can't be read, or several
            of its jobs run this script with different defaults.
    """
    launched = _launched_config()
    if launched is not None:
        return launched
    if _managed["defaults"] or _values(_managed["schema"]):
        config = _values(_managed["schema"])
        for given in _managed["defaults"]:
            config = _merged(config, _read_defaults(given, Path.cwd()))
        return config
    return _manifest_defaults()


def _launched_config() -> Config | None:
    folder = os.environ.get("CONFJOB_RUN_DIR")
    if not folder:
        return None
    try:
        text = Path(folder, "private", "run-config.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None  # the job was launched without a declared run config
    _mark("run-config")
    config: Config = json.loads(text)
    return config


def _mark(name: str) -> None:
    """Note that an input was read; a run whose overrides nobody read gets a warning."""
    folder = os.environ.get("CONFJOB_RUN_DIR")
    if not folder:
        return
    from urllib.parse import quote

    try:
        marks = Path(folder, "reads")
        marks.mkdir(exist_ok=True)
        (marks / quote(name, safe="")).touch()
    except OSError:
        pass  # a job never fails because of a mark


def _tell(call: str, **arguments: Any) -> None:
    """Tell `confjob capture` of a call, if it is what runs this job."""
    if os.environ.get("CONFJOB_CAPTURE"):
        from confjob.probes.recording import record

        record({"call": call, **arguments})


def _relative(path: str | os.PathLike[str]) -> str:
    """Return `path` as the project names it: relative to the working directory."""
    try:
        return os.path.relpath(path).replace(os.sep, "/")
    except ValueError:
        return os.fspath(path)


def _listed(prefixes: Iterable[str] | str | None) -> list[str]:
    return [prefixes] if isinstance(prefixes, str) else list(prefixes or ())


def _merged(below: Config, above: Mapping[str, Any]) -> Config:
    out = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(out.get(key), dict)
        out[key] = _merged(out[key], value) if both else copy.deepcopy(value)
    return out


def _values(schema: Any) -> Config:
    """Return the values of a schema that is an instance; a class or dict has none."""
    if schema is None or isinstance(schema, (type, str, Mapping)):
        return {}
    if hasattr(schema, "model_dump"):
        dumped: Config = schema.model_dump(mode="json")
        return dumped
    fields = getattr(schema, "__dataclass_fields__", None)
    names = list(fields) if fields else [field.name for field in getattr(schema, "__attrs_attrs__", ())]
    return {name: _plain(getattr(schema, name)) for name in names}


def _plain(value: Any) -> Any:
    """Return `value` as the JSON that a launched run would get."""
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(below) for key, below in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(below) for below in value]
    return _values(value) or copy.deepcopy(value)


def _read_defaults(given: Mapping[str, Any] | str, folder: Path) -> Config:
    if not isinstance(given, str):
        return copy.deepcopy(dict(given))
    path = folder / given
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix == ".toml":
        return _toml(text, path)
    loaded = json.loads(text) if path.suffix == ".json" else _yaml(text, path)
    return loaded if isinstance(loaded, dict) else {}


def _yaml(text: str, path: Path) -> Any:
    try:
        import yaml  # type: ignore[import-untyped,unused-ignore]  # only what the job itself has
    except ModuleNotFoundError:
        raise RuntimeError(
            f"{path}: this interpreter has no PyYAML to read it; install it, or launch with confjob"
        ) from None
    return yaml.safe_load(text)


def _toml(text: str, path: Path) -> Config:
    for name in ("tomllib", "tomli"):
        try:
            parser = __import__(name)
        except ModuleNotFoundError:
            continue
        parsed: Config = parser.loads(text)
        return parsed
    raise RuntimeError(
        f"{path}: Python {sys.version_info[0]}.{sys.version_info[1]} reads no TOML; "
        "install tomli, or give the defaults to manage_config()"
    )


def _manifest_defaults() -> Config:
    """Return the defaults that the nearest `launch.toml` has for the running script."""
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    if script is None:
        return {}
    running = Path(script).resolve()
    manifest = next(filter(Path.is_file, (folder / "launch.toml" for folder in running.parents)), None)
    if manifest is None:
        return {}
    found = {}
    for name, table in _toml(manifest.read_text(encoding="utf-8-sig"), manifest).get("jobs", {}).items():
        defaults = table.get("run-config", {}).get("defaults")
        if defaults is not None and _runs(table, running, manifest.parent):
            found[name] = _read_defaults(defaults, manifest.parent)
    return _only(found, manifest)


def _only(found: Mapping[str, Config], manifest: Path) -> Config:
    configs = list(found.values())
    if any(config != configs[0] for config in configs):
        raise RuntimeError(
            f"{manifest}: the jobs {', '.join(found)} run this script with different defaults; "
            "start one of them with confjob launch, or give the defaults to manage_config()"
        )
    return configs[0] if configs else {}


def _runs(table: Mapping[str, Any], script: Path, root: Path) -> bool:
    """Whether a job's `function` or `command` names `script`."""
    words = [str(word) for word in table.get("command", ())]
    modules = {words[at + 1] for at, word in enumerate(words[:-1]) if word == "-m"}
    reference = str(table.get("function", "")).partition(":")[0]
    paths = {word for word in [*words, reference] if word.endswith(".py")}
    if reference and reference not in paths:
        modules.add(reference)
    for module in modules:
        stem = module.replace(".", "/")
        paths |= {
            f"{base}{stem}{end}" for base in ("", "src/") for end in (".py", "/__main__.py", "/__init__.py")
        }
    return any((root / path).resolve() == script for path in paths)
