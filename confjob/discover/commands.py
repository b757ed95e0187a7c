"""Scripts as jobs: the command that starts them, the config files they read, the flags they take."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final

from attrs import evolve, frozen

from confjob.discover.configs import Configs
from confjob.discover.evidence import Said
from confjob.discover.found import FoundFile, FoundJob
from confjob.discover.modules import Start, local_files, started
from confjob.discover.scripts import Script, env_settings
from confjob.model import Flag, InputSpec

__all__ = ["Around", "ReadFlags", "Subcommands", "commands"]

#: Reads the command line of a script, `file.py` or `file.py:function`, that a command starts;
#: None when it reads none.
ReadFlags = Callable[[str, Sequence[str]], InputSpec | None]

Subcommands = Callable[[PurePosixPath], Sequence[str]]

#: Library that reads config files in a way of its own -> the plugin that knows it.
_FORMAT_PLUGINS: Final = {"hydra": "confjob-omegaconf", "torchtune": "confjob-torchtune"}
#: Scripts whose names say nothing beside a subcommand's.
_PLAIN: Final = {"cli", "main", "__main__", "app", "run", "commands"}
#: What flags for a config file are called.
_CONFIG_FLAGS: Final = {
    "config",
    "cfg",
    "conf",
    "configs",
    "config_file",
    "config_path",
    "cfg_file",
    "cfg_path",
}
_CONFIG_FLAGS_TOO: Final = {
    "yaml",
    "yaml_file",
    "config_yaml",
    "yaml_path",
    "config_filename",
    "params",
    "params_file",
}


@frozen(kw_only=True)
class Around:
    """What lies around the scripts.

    Args:
        names: The project's files.
        configs: Its config files.
        said: How people start its scripts.
        formats: The formats that are known.
        read_flags: Reads a script's command line.
        subcommands: Returns a script's subcommands.
        scripts: Those of them that are there to be run: what they parse is their own.
    """

    names: frozenset[PurePosixPath]
    scripts: frozenset[PurePosixPath]
    configs: Configs
    said: Sequence[Said]
    formats: Collection[str]
    read_flags: ReadFlags
    subcommands: Subcommands


def commands(scripts: Iterable[Script], around: Around) -> Iterator[FoundJob]:
    """Yield a job for each script that is there to be run."""
    for script in scripts:
        if not script.job_functions and _is_run(script, around):
            named = () if script.declares else around.subcommands(script.path)
            yield from (_Command(script, around, name).job() for name in named or ("",))


def _is_run(script: Script, around: Around) -> bool:
    if script.has_main or script.declares or script.missing is not None or script.parses:
        return True
    return script.acts and any(True for _ in _named(script, around.configs))


def _named(script: Script, configs: Configs) -> Iterator[PurePosixPath]:
    """Yield the config files that a script's text names."""
    for config in configs.trees:
        near = config.relative_to(script.path.parent) if config.is_relative_to(script.path.parent) else config
        # A name alone may be joined with a folder; one that several files have tells nothing.
        alone = configs.names[config.name] == 1
        if ({str(config), str(near)} | ({config.name} if alone else set())) & script.words:
            yield config


def _input_name(flag: Flag) -> str:
    """Return what the command calls the file that a flag takes."""
    name = ".".join(map(str, flag.path))
    return f"{name}-file" if name in ("env", "resources", "run-config") else name


class _Command:
    """One script on its way to a job."""

    def __init__(self, script: Script, around: Around, subcommand: str) -> None:
        self.script = script
        self.around = around
        self.start: Start = started(script, around.names)
        self.subcommand = subcommand
        self.words = [*self.start.command, *filter(None, [subcommand])]
        self.started = len(self.words)
        self.said = [each for each in around.said if self._is_about(each)]
        self.remarks: list[str] = []
        self.unread: list[str] = []
        self.parser, self.flags = self._parser()

    def job(self) -> FoundJob:
        files = list(self._flag_files()) if self.flags is not None and not self.script.declares else []
        files += self._plain_files({file.path for file in files})
        flags = self._other_flags(files)
        self._remark()
        return FoundJob(
            name=self._name(),
            why=self._why(),
            command=tuple(self.words),
            files=tuple(files),
            declares=self.script.path if self.script.declares else None,
            parser=self.parser if flags is not None else None,
            flags=flags,
            settings=env_settings(self.script.imported, self.start.pythonpath),
            remarks=tuple(self.remarks),
            unread=tuple(self.unread),
            missing=self.script.missing,
        )

    def _name(self) -> str:
        path = self.script.path
        if self.subcommand:
            return self.subcommand if path.stem in _PLAIN else f"{path.stem}-{self.subcommand}"
        return path.parent.name if path.name == "__main__.py" and path.parent.name else path.stem

    def _why(self) -> str:
        what = "declares its inputs" if self.script.declares else "has a main part"
        if self.flags is not None and not self.script.declares:
            what = f"has the command {self.subcommand}" if self.subcommand else "reads flags"
        elif not self.script.has_main and not self.script.declares:
            what = "does something when it is run"
        seen = f"; {self.said[0].where} starts it" if self.said else ""
        return f"{self.script.path} {what}{seen}"

    def _is_about(self, said: Said) -> bool:
        path = str(self.script.path)
        dotted = self.start.command[-1]
        return any(word.removeprefix("./") == path for word in said.words) or (
            "-m" in said.words and dotted in said.words
        )

    # -- its command line --------------------------------------------------------------

    def _parser(self) -> tuple[str | None, InputSpec | None]:
        """Return where the script's command line is read, and what it takes."""
        elsewhere = local_files(self.script, self.around.names - self.around.scripts)
        for path in (self.script.path, *elsewhere):
            found = self.around.read_flags(str(path), self.words)
            if found is not None and found.flags:
                return str(path), found
            if found is not None and path == self.script.path:
                self.unread += [f"{each.where}: {each.message}" for each in found.warnings]
        return None, None

    def _other_flags(self, files: Sequence[FoundFile]) -> InputSpec | None:
        """Return what is left of the command line once the command names the config files."""
        if self.parser is None or self.script.declares:
            return None
        return self.around.read_flags(self.parser, self.words) if files else self.flags

    # -- its config files --------------------------------------------------------------

    def _flag_files(self) -> Iterator[FoundFile]:
        """Yield the config files that flags name, and put the flags into the command."""
        assert self.flags is not None
        taken, seen = False, set[PurePosixPath]()
        for flag in self.flags.flags:
            file = self._flag_file(flag, guess=not taken)
            if file is None or file.path in seen:
                continue
            seen.add(file.path)
            name = _input_name(flag)
            if flag.takes == "argument":
                if taken or flag is not next(each for each in self.flags.flags if each.takes == "argument"):
                    continue
                self.words.insert(self.started, f"{{{name}}}")
            else:
                self.words += [flag.word, f"{{{name}}}"]
            taken = True
            yield evolve(file, name=name)

    def _flag_file(self, flag: Flag, *, guess: bool) -> FoundFile | None:
        """Return the config file that a flag takes, by its default, by what people say, or by its name."""
        if flag.takes not in ("value", "argument"):
            return None
        shown = flag.word or str(flag.path)
        if isinstance(flag.default, str) and flag.default:
            path = self._config(flag.default)
            return None if path is None else self._with_choices(path, f"the default of {shown}")
        for said in self.said:
            words = [said.value_of(flag.word) or ""] if flag.word else said.words
            path = next(filter(None, map(self._config, words)), None)
            if path is not None:
                return self._with_choices(path, f"{said.where} gives it to {shown}")
        if guess and str(flag.path[-1]).lower() in _CONFIG_FLAGS | _CONFIG_FLAGS_TOO:
            return self._guessed(shown)
        return None

    def _config(self, text: str) -> PurePosixPath | None:
        path = PurePosixPath(text.removeprefix("./"))
        tried = (path, self.script.path.parent / path)
        return next((each for each in tried if each in self.around.configs.trees), None)

    def _guessed(self, shown: str) -> FoundFile | None:
        sets = self.around.configs.sets()
        if not sets:
            self.remarks.append(f"{shown} takes a config file, and there is none here yet")
            return None
        return self._with_choices(sets[0][0], f"a guess: {shown} takes a config file", guessed=True)

    def _with_choices(self, path: PurePosixPath, why: str, *, guessed: bool = False) -> FoundFile:
        """Return a file with those of its kind beside it as choices."""
        others = len(self.around.configs.alike(path)) - 1
        pattern = str(path.parent / f"*{path.suffix}") if others and len(path.parts) > 1 else None
        return FoundFile(
            path=path, why=why, choices=pattern, others=others if pattern else 0, guessed=guessed
        )

    def _plain_files(self, taken: Collection[PurePosixPath]) -> Iterator[FoundFile]:
        named = [path for path in _named(self.script, self.around.configs) if path not in taken]
        files = [FoundFile(path=path, why=f"{self.script.path} names it") for path in named]
        if files and "--config" in self.script.words and self.flags is None and not self.script.declares:
            files[0] = evolve(files[0], name="config")
            self.words += ["--config", "{config}"]
        kin = {other for path in taken for other in self.around.configs.alike(path)}
        yield from (file for file in files if file.path not in kin)

    # -- what a person should know -----------------------------------------------------

    def _remark(self) -> None:
        rest = self.words[1:]
        if "accelerate" in self.script.imported:
            self._alternative("several GPUs", ["accelerate", "launch", *rest])
        elif "torch.distributed" in self.script.local:
            self._alternative("several GPUs", ["torchrun", "--standalone", "--nproc-per-node=gpu", *rest])
        if self.flags is None and self.script.unread_parser:
            self.unread.append(
                f"its flags, which {self.script.unread_parser} reads, are not read: "
                "name them in run-config.flags, or give them after `--`"
            )

        for library, package in _FORMAT_PLUGINS.items():
            if library in self.script.imported and library not in self.around.formats:
                self.unread.append(
                    f"{library} makes it, and reads its configs; known with: pip install {package}"
                )

    def _alternative(self, what: str, words: list[str]) -> None:
        self.remarks.append(f"{what}: command = {json.dumps(words)}")
