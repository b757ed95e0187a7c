"""Asks Axolotl, in the job's interpreter, for its schema and its verdict on configs.

Standard library only, run by path: `python probe.py REQUEST ANSWER`. What it says stands
on the installed Axolotl alone, and on those of its plugins that lie in the project.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
import typing
from pathlib import Path

#: A card that can do all: what a job may ask for is not decided by this machine.
_GPU: typing.Final = {
    "bf16": True,
    "fp8": True,
    "tf32": True,
    "n_gpu": 1,
    "n_node": 1,
    "compute_capability": "sm_90",
}


def main() -> None:
    """Answer the request that the command line names."""
    request = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    out = Path(sys.argv[2])
    del sys.argv[1:]
    # Before the first import: Axolotl reads these once, and would report every config.
    os.environ.update({"AXOLOTL_DO_NOT_TRACK": "1", "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1"})
    os.environ.update({"CUDA_VISIBLE_DEVICES": "", "TRANSFORMERS_VERBOSITY": "error"})
    # The project last: a plugin of its own is found, and a folder called axolotl hides nothing.
    sys.path[:] = [*sys.path[1:], str(Path.cwd())]
    reply: dict[str, typing.Any] = {"version": 1}
    try:
        reply["answer"] = _answer(request)
        reply["files"] = _project_modules()
    except BaseException as error:  # noqa: BLE001 - a framework's import may raise anything
        reply = {"version": 1, "error": {"type": type(error).__name__, "message": str(error)}}
    out.write_text(json.dumps(reply), encoding="utf-8")


def _answer(request: dict[str, typing.Any]) -> dict[str, typing.Any]:
    spec = importlib.util.find_spec("axolotl")
    if spec is None or spec.origin is None:  # a mere folder of that name has no origin
        return {"absent": True}
    if request["ask"] == "schema":
        return _schema(request["plugins"])
    return {"problems": [_problems(text) for text in request["texts"]]}


# -- the schema --------------------------------------------------------------------------


def _schema(plugins: list[str]) -> dict[str, typing.Any]:
    failed = {name: said for name, said in ((name, _registered(name)) for name in plugins) if said}
    model = _model(with_plugins=bool(plugins))
    found = model.model_json_schema(schema_generator=_generator())
    _add_field_names(found, model)
    return {"schema": found, "deprecated": _deprecated(model), "failed": failed}


def _registered(name: str) -> str:
    """Register one plugin as Axolotl does; returns why that failed, or nothing."""
    from axolotl.utils.config import prepare_plugins
    from axolotl.utils.dict import DictDefault

    try:
        prepare_plugins(DictDefault({"plugins": [name]}))
    except Exception as error:  # noqa: BLE001 - anyone's plugin
        return f"{type(error).__name__}: {error}"
    from axolotl.integrations.base import PluginManager

    known = PluginManager.get_instance().plugins
    return "" if name in known else "Axolotl could not load it"


def _model(*, with_plugins: bool) -> typing.Any:
    if with_plugins:
        from axolotl.integrations.config import merge_input_args

        return merge_input_args()[1]
    from axolotl.utils.schemas.config import AxolotlInputConfig

    return AxolotlInputConfig


def _generator() -> type:
    """Return a generator that gets over what has no JSON: an enum of torch dtypes."""
    from pydantic.json_schema import GenerateJsonSchema

    class Generator(GenerateJsonSchema):
        def enum_schema(self, schema: typing.Any) -> dict[str, typing.Any]:
            members = [
                member.value if _is_json(member.value) else member.name for member in schema["members"]
            ]
            return {"enum": members, "title": schema["cls"].__name__}

        def encode_default(self, value: typing.Any) -> typing.Any:
            try:
                return super().encode_default(value)
            except Exception:  # noqa: BLE001 - pydantic's errors differ by version
                return getattr(value, "name", str(value))

        def emit_warning(self, *_: typing.Any) -> None:
            """Say nothing: the schema is for confjob, not for its author."""

    return Generator


def _is_json(value: object) -> bool:
    return value is None or isinstance(value, (str, int, float, bool))


def _add_field_names(schema: dict[str, typing.Any], model: typing.Any) -> None:
    """Add the names that a field has beside its alias: the model takes both."""
    properties = schema["properties"]
    for name, field in model.model_fields.items():
        if field.alias in properties:
            properties.setdefault(name, properties[field.alias])


def _deprecated(model: typing.Any) -> dict[str, str]:
    """Return deprecated key -> Axolotl's own words."""
    words = {
        name: str(field.deprecated).strip() for name, field in model.model_fields.items() if field.deprecated
    }
    return {**words, **_words_of_dead_fields()}


def _words_of_dead_fields() -> dict[str, str]:
    """Return what the validators of the mixin of dead fields say; they log or raise it."""
    try:
        from axolotl.utils.schemas import deprecated
    except ImportError:
        return {}
    words: dict[str, str] = {}
    for name in deprecated.DeprecatedParameters.model_fields:
        said: list[str] = []
        deprecated.LOG = _Recorder(said)
        for sample in (True, 1, "yes"):
            try:
                deprecated.DeprecatedParameters(**{name: sample})
            except DeprecationWarning as error:
                said.append(str(error))
            except Exception:  # noqa: BLE001, S112 - not a sample of its type
                continue
            break
        words[name] = said[0] if said else "deprecated"
    return words


class _Recorder:
    """Stands for a module's logger."""

    def __init__(self, said: list[str]) -> None:
        self._said = said

    def __getattr__(self, _: str) -> typing.Callable[..., None]:
        return self._note

    def _note(self, message: object, *values: object, **_: object) -> None:
        self._said.append(str(message) % values if values else str(message))


# -- the verdict -------------------------------------------------------------------------


def _problems(text: str) -> list[dict[str, typing.Any]]:
    """Return what Axolotl has against a config; it raises more than ValidationError."""
    import torch
    import yaml
    from axolotl.utils.config import prepare_plugins, validate_config
    from axolotl.utils.dict import DictDefault

    data = yaml.safe_load(text)
    if not isinstance(data, dict):
        return [{"path": [], "message": "must be a mapping"}]
    _forget_plugins()
    torch_version = str(torch.__version__).partition("+")[0]
    try:
        config = DictDefault(data)
        prepare_plugins(config)
        validate_config(config, capabilities=dict(_GPU), env_capabilities={"torch_version": torch_version})
    except Exception as error:  # noqa: BLE001
        return _told(error, data)
    return []


def _forget_plugins() -> None:
    """Empty the one manager of the process: it would add its plugins to every later config."""
    module = sys.modules.get("axolotl.integrations.base")
    if module is not None:
        module.PluginManager.get_instance().plugins.clear()


def _told(error: Exception, data: typing.Any) -> list[dict[str, typing.Any]]:
    errors = getattr(error, "errors", None)
    if not callable(errors):
        message = str(error).strip() or type(error).__name__
        return [{"path": _mentioned(message, data), "message": message}]
    found = {}
    for each in errors():
        missing = each.get("type") == "missing"
        message = str(each["msg"]).removeprefix("Value error, ").strip()
        path = _known(each["loc"], data, missing=missing) or _mentioned(message, data)
        message = message + f" ({each['loc'][-1]})" if missing and path[-1:] != [each["loc"][-1]] else message
        found[str(path), message] = {"path": path, "message": message}
    return list(found.values())


def _known(location: tuple[typing.Any, ...], data: typing.Any, *, missing: bool) -> list[typing.Any]:
    """Return a pydantic location without the names of union branches, which are no keys."""
    path: list[typing.Any] = []
    for part in location:
        is_key = isinstance(data, dict) and part in data
        is_index = isinstance(data, list) and isinstance(part, int) and part < len(data)
        if is_key or is_index:
            data = data[part]
        elif missing and not path and len(location) == 1:
            return [part]
        else:
            continue
        path.append(part)
    return path


def _mentioned(message: str, data: typing.Any) -> list[str]:
    """Return the path of the first key of the file that a message names, else the root."""
    words = re.findall(r"\w+", message)
    return next(([word] for word in words if "_" in word and word in data), [])


def _project_modules() -> list[str]:
    """Return the project's own files among the imported modules."""
    root, environment = Path.cwd().resolve(), Path(sys.prefix).resolve()
    found = set()
    for module in list(sys.modules.values()):
        named = Path(getattr(module, "__file__", None) or os.sep)
        path = named.resolve()
        # Torch makes modules up, with a relative name of no file.
        own = named.is_absolute() and root in path.parents and environment not in path.parents
        if own and "site-packages" not in path.parts:
            found.add(str(path.relative_to(root)))
    return sorted(found)


if __name__ == "__main__":
    main()
