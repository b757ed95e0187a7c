"""What Hydra itself makes of a config: composed, with its groups, types and files.

Run by path in the job's interpreter, which has Hydra and need not have confjob. The
standard library and Hydra only. The answer goes to a file: apps print when imported.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import subprocess
import sys
import traceback
import typing

# A sibling, found while this folder leads the path; its name is no project's.
from confjob_hydra_types import schema_of

_HERE = os.path.dirname(os.path.abspath(__file__))


class Unsayable(Exception):  # noqa: N818 - the probe's own answer of no
    """A change that no override can say."""


def main() -> None:
    """Answer the request that `sys.argv` names."""
    with open(sys.argv[1], encoding="utf-8") as stream:
        request = json.load(stream)
    out, root = sys.argv[2], os.path.realpath(os.getcwd())
    del sys.argv[1:]
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != _HERE]
    opened = _watch(root)
    try:
        reply = {"version": 1, "answer": answer(request)}
        reply["files"] = sorted(opened | _modules(root))
        text = json.dumps(reply, default=str)
    except BaseException as error:  # noqa: BLE001 - user code may raise anything, SystemExit included
        told = {"type": type(error).__name__, "message": str(error), "name": getattr(error, "name", None)}
        text = json.dumps({"version": 1, "error": {**told, "traceback": traceback.format_exc()}})
    with open(out, "w", encoding="utf-8") as stream:
        stream.write(text)


def answer(request: dict) -> dict:
    """Compose, and say changes as overrides if asked to; `absent` where there is no Hydra."""
    try:
        import hydra
    except ModuleNotFoundError as error:
        if error.name != "hydra":
            raise
        return {"absent": True}
    doubts = list(_imported(request, hydra))
    version = {"version_base": request["version_base"]} if "version_base" in request else {}
    with hydra.initialize_config_dir(config_dir=os.path.abspath(request["config_dir"]), **version):
        app = App(request["config_name"], request["overrides"])
        try:
            app.compose(app.overrides)
        except Exception as error:  # noqa: BLE001 - whatever Hydra raises is its word on the config
            return {"failed": str(error), "doubts": doubts}
        if "check" in request:
            found = app.checked(request["check"])
        else:
            found = app.said(request["say"]) if "say" in request else app.described()
        return {**found, "doubts": doubts}


class App:
    """One primary config, with the overrides that the command already has."""

    def __init__(self, name: str, overrides: list) -> None:
        from hydra.core.global_hydra import GlobalHydra

        self.name = name
        self.overrides = overrides
        self.loader = GlobalHydra.instance().config_loader()

    def compose(self, overrides: list) -> typing.Any:
        """Return the composed config, Hydra's own part included."""
        from hydra import compose

        return compose(self.name, overrides=overrides, return_hydra_config=True)

    def described(self) -> dict:
        """Return values, types, groups and the files that values come from."""
        from omegaconf import OmegaConf

        config = self.compose(self.overrides)
        choices = _plain(config.hydra.runtime.choices)
        tree = OmegaConf.to_container(config, resolve=False, throw_on_missing=False, enum_to_str=True)
        tree.pop("hydra", None)
        types = {key: schema_of(config._get_node(key)) for key in tree}
        return {
            "tree": _text_keys(tree),
            "types": {str(key): found for key, found in types.items() if found},
            "choices": {key: value for key, value in choices.items() if not key.startswith("hydra/")},
            "groups": dict(self._groups("")),
            "files": list(self._files()),
        }

    def checked(self, words: list) -> dict:
        """Return whether the app itself prints the composed config for `--cfg job`."""
        from hydra import compose
        from omegaconf import OmegaConf

        done = subprocess.run(
            [sys.executable, "-B", *words, "--cfg", "job"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=45,
            check=False,
        )
        shown, said = (text.decode("utf-8", "replace").strip() for text in (done.stdout, done.stderr))
        expected = OmegaConf.to_yaml(compose(self.name, overrides=self.overrides)).strip()
        # What the app prints when it is imported may stand before it.
        same = done.returncode == 0 and ("\n" + shown).endswith("\n" + expected)
        return {"code": done.returncode, "same": same, "said": said.rpartition("\n")[2]}

    def _groups(self, parent: str) -> typing.Iterator:
        for name in self.loader.list_groups(parent):
            group = parent + "/" + name if parent else name
            if group == "hydra":
                continue
            options = self.loader.get_group_options(group)
            if options:
                yield group, sorted(options)
            yield from self._groups(group)

    def _files(self) -> typing.Iterator:
        """Yield [file, package] in the order of merging; what is in no file is left out."""
        from hydra.types import RunMode

        asked = {"config_name": self.name, "overrides": self.overrides, "run_mode": RunMode.RUN}
        for default in self.loader.compute_defaults_list(**asked).defaults:
            path = default.config_path or ""
            found = (
                None if not path or path.startswith("hydra/") else self.loader.repository.load_config(path)
            )
            if found is not None and str(found.path).startswith("file://"):
                name = path if path.endswith((".yaml", ".yml")) else path + ".yaml"
                yield [os.path.join(str(found.path)[len("file://") :], name), default.package or ""]

    def said(self, changes: list) -> dict:
        """Return changes as words of the command line, or why one can't be said."""
        speaker = Speaker(self.compose(self.overrides))
        words: list = []
        refused: list = []
        for number, change in enumerate(changes):
            try:
                words.append((number, speaker.word(change)))
            except Exception as error:  # noqa: BLE001 - Hydra's own refusal, or ours
                refused.append({"change": number, "why": _first_line(error)})
        refused.extend(self._refused(words))
        return {"words": [word for _, word in words], "refused": refused}

    def _refused(self, words: list) -> typing.Iterator:
        """Yield which words Hydra refuses: each is tried alone only if together they fail."""
        good = list(self.overrides)
        try:
            self.compose(good + [word for _, word in words])
        except Exception:  # noqa: BLE001 - which one is found below
            for number, word in words:
                try:
                    self.compose([*good, word])
                    good.append(word)
                except Exception as error:  # noqa: BLE001 - Hydra's own refusal
                    yield {"change": number, "why": _first_line(error)}


class Speaker:
    """Says a change in Hydra's grammar, quoted by Hydra's own class and read back."""

    def __init__(self, config: typing.Any) -> None:
        from hydra.core.override_parser.overrides_parser import OverridesParser

        self.parser = OverridesParser.create()
        self.config = config

    def word(self, change: dict) -> str:
        """Return one override.

        Args:
            change: `operation` (`set`, `add`, `delete`), `path` (keys) or `group`, `value`.
        """
        sign = {"set": "", "add": "+", "delete": "~"}[change["operation"]]
        if "group" in change:
            return sign + change["group"] + self._option(change)
        path = change["path"]
        self._texts_only(path)
        if change["operation"] == "delete":
            return self._checked("~" + ".".join(path), ".".join(path), None)
        whole = sign + ".".join(path) + "=" + self._value(change["value"])
        try:
            return self._checked(whole, ".".join(path), change["value"], path)
        except Unsayable:
            if len(path) < 2:
                raise
        # A key that can't stand left of '=' may stand in a mapping, which is merged.
        above, wrapped = path[:-1], {path[-1]: change["value"]}
        word = "++" + ".".join(above) + "=" + self._value(wrapped)
        return self._checked(word, ".".join(above), wrapped, above)

    def _option(self, change: dict) -> str:
        if change["operation"] == "delete":
            return ""
        option = change["value"]
        plain = "=" + str(option)
        try:
            same = isinstance(option, str) and self.parser.parse_override("x" + plain).value() == option
        except Exception:  # noqa: BLE001 - then it needs quotes
            same = False
        return plain if same else "=" + self._value(option)

    def _checked(self, word: str, key: str, value: typing.Any, path: typing.Sequence = ()) -> str:
        """Return `word` if Hydra reads it as it is meant."""
        if any("." in part or not part for part in path):
            raise Unsayable("Hydra's command line can't name this key: " + repr(key))
        try:
            read = self.parser.parse_override(word)
        except Exception as error:
            raise Unsayable("Hydra's command line can't say " + repr(word)) from error
        same = word.startswith("~") or _same(read.value(), value)
        if read.key_or_group != key or read.package is not None or not same:
            raise Unsayable("Hydra's command line would read " + repr(word) + " as something else")
        return word

    def _value(self, value: typing.Any) -> str:
        from hydra.core.override_parser.types import Quote, QuotedString

        if isinstance(value, str):
            return str(QuotedString(text=value, quote=Quote.single).with_quotes())
        if isinstance(value, list):
            return "[" + ",".join(map(self._value, value)) + "]"
        if isinstance(value, dict):
            return "{" + ",".join(key + ":" + self._value(below) for key, below in value.items()) + "}"
        if value is None or isinstance(value, bool):
            return {None: "null", True: "true", False: "false"}[value]
        return repr(value)

    def _texts_only(self, path: typing.Sequence) -> None:
        """Refuse a key that the config has as a number or word of another type."""
        node = self.config
        for part in path:
            if not hasattr(node, "_get_node") or not hasattr(node, "keys") or node._is_none():
                return
            # Not `in node`, which is false where a value is missing.
            keys = list(node.keys())
            if part not in keys:
                if part in map(str, keys):
                    raise Unsayable(
                        "the key " + repr(part) + " is no text, and overrides have text keys only"
                    )
                return
            node = node._get_node(part)


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]


def _same(one: typing.Any, other: typing.Any) -> bool:
    if isinstance(other, dict):
        return (
            isinstance(one, dict)
            and {str(key): value for key, value in one.items()}.keys() == other.keys()
            and (all(isinstance(key, str) and _same(value, other[key]) for key, value in one.items()))
        )
    if isinstance(other, list):
        return isinstance(one, list) and len(one) == len(other) and all(map(_same, one, other))
    if hasattr(one, "text"):
        one = one.text
    return type(one) is type(other) and (one == other or (str(one) == str(other) == "nan"))


def _imported(request: dict, hydra: typing.Any) -> typing.Iterator[str]:
    """Import the app where it registers configs; its main function can't start meanwhile."""
    path = os.path.abspath(request.get("import_root") or ".")
    sys.path.insert(0, path)
    if not request.get("app"):
        return
    started = hydra.main
    hydra.main = lambda *_, **__: lambda _function: lambda *_, **__: None
    try:
        if request["app"].endswith(".py"):
            spec = importlib.util.spec_from_file_location("__confjob_app__", os.path.abspath(request["app"]))
            module = importlib.util.module_from_spec(spec)
            sys.modules[spec.name] = module
            spec.loader.exec_module(module)
        else:
            importlib.import_module(request["app"])
    except BaseException as error:  # noqa: BLE001 - user code may raise anything, SystemExit included
        yield request["app"] + " can't be imported: " + type(error).__name__ + ": " + str(error)
    finally:
        hydra.main = started


def _text_keys(tree: typing.Any) -> typing.Any:
    if isinstance(tree, dict):
        return {str(getattr(key, "name", key)): _text_keys(value) for key, value in tree.items()}
    return [_text_keys(value) for value in tree] if isinstance(tree, list) else tree


def _plain(node: typing.Any) -> typing.Any:
    from omegaconf import OmegaConf

    return OmegaConf.to_container(node) if OmegaConf.is_config(node) else dict(node)


def _watch(root: str) -> set:
    """Note the project files that are opened for reading from now on."""
    opened: set = set()

    def hook(event: str, args: tuple) -> None:
        if event == "open" and isinstance(args[0], str) and not (args[1] and set("wax+") & set(str(args[1]))):
            opened.update(_of_project(args[0], root))

    sys.addaudithook(hook)
    return opened


def _modules(root: str) -> set:
    """Return the project's modules that were imported: from bytecode, nobody opens their source."""
    paths = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    return {found for path in paths if path for found in _of_project(path, root)}


def _of_project(path: str, root: str) -> typing.Iterator[str]:
    real = os.path.realpath(path)
    ours = real.startswith(root + os.sep) and not real.startswith(os.path.realpath(sys.prefix) + os.sep)
    skipped = {"site-packages", "__pycache__", ".confjob", ".git"}
    if ours and not skipped & set(real.split(os.sep)) and os.path.isfile(real):
        yield os.path.relpath(real, root)


if __name__ == "__main__":
    main()
