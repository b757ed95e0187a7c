"""What the settings files say: targets, and what every job gets, under what the project declares.

Settings are one person's or one machine's, so they are weaker than anything that a project says
of its own job, in `launch.toml` or in code; the user's are stronger than the site's. They are
read when a job is declared or a target looked for, and by nothing that looks after runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce
from typing import Any, Literal

from attrs import evolve, field, fields, frozen

from confjob.declare.environs import environs, faults
from confjob.declare.manifest import PolicyTable, ResourcesTable, table_schema
from confjob.declare.policy import rule_faults
from confjob.declare.structure import problem_at, refusal, structure
from confjob.errors import ConfjobError, ManifestError
from confjob.keypath import KeyPath
from confjob.model import Document, InputSpec, JobSpec, Node, Problem, Span, overlaid
from confjob.settings import STATE_DIR, SettingsFile, checked_folder
from confjob.settings import Settings as Places
from confjob.tree import MISSING, Json, get

__all__ = [
    "Setting",
    "SettingsTable",
    "UsedSettings",
    "list_settings",
    "read_settings",
    "settings_schema",
    "with_settings",
]


@frozen(kw_only=True)
class SettingsTable:
    """The whole settings file, `confjob/config.toml`."""

    state_dir: str | None = None
    default_target: str | None = None
    targets: dict[str, dict[str, Any]] = field(factory=dict)
    env: dict[str, str] = field(factory=dict)
    resources: ResourcesTable = field(factory=ResourcesTable)
    policy: PolicyTable = field(factory=PolicyTable)


@frozen(kw_only=True)
class _Read:
    """One settings file, read."""

    file: SettingsFile
    document: Document
    table: SettingsTable


@frozen(kw_only=True)
class UsedSettings:
    """The settings that there are, the strongest file first."""

    read: tuple[_Read, ...] = ()

    @property
    def default_target(self) -> tuple[str, Span | None] | None:
        """The target of jobs that name none, and where it is said."""
        for each in self.read:
            if each.table.default_target is not None:
                return each.table.default_target, each.document.where(KeyPath(("default-target",)))
        return None

    @property
    def targets(self) -> Mapping[str, Document]:
        """The names of targets, each with the document that has its whole table."""
        return {name: each.document for each in reversed(self.read) for name in each.table.targets}

    def nodes(self, key: Literal["env", "resources"]) -> Mapping[KeyPath, Node]:
        """Return what every job gets in one of the inputs that all have, with the place of each value."""
        tables = (_below(each.document, KeyPath((key,))) for each in reversed(self.read))
        return reduce(overlaid, tables, dict[KeyPath, Node]())


@frozen(kw_only=True)
class Setting:
    """One value of the settings.

    Args:
        key: Its path in the file; a target is one value, for it is taken whole.
        value: The value.
        owner: Whose it is.
        where: Where it stands.
        used: Whether no stronger place says otherwise.
    """

    key: KeyPath
    value: Json
    owner: Literal["user", "site", "environment"]
    where: str
    used: bool = True


def read_settings(places: Places) -> UsedSettings:
    """Return what the settings files say; those that are not there say nothing.

    Raises:
        ManifestError: With every fault of every file.
        InputError: When one can't be read, or is not TOML.
    """
    read: list[_Read] = []
    failed: list[ConfjobError] = []
    for file in places.files:
        try:
            document = file.read()
            if document is not None:
                read.append(_Read(file=file, document=document, table=_table(document)))
        except ConfjobError as error:
            failed.append(error)
    if failed:
        raise failed[0] if len(failed) == 1 else _together(failed)
    return UsedSettings(read=tuple(read))


def with_settings(job: JobSpec, settings: UsedSettings) -> JobSpec:
    """Return a job with what the settings give every job, under what is declared of this one."""
    return evolve(job, inputs=tuple(_under(spec, settings) for spec in job.inputs))


def list_settings(places: Places) -> list[Setting]:
    """Return every value of every file, as told to people; of those with one key the first is used.

    Raises:
        ManifestError: As `read_settings` does.
        InputError: As `read_settings` does.
    """
    found: dict[KeyPath, list[Setting]] = {}
    for setting in _every(places, read_settings(places)):
        stronger = found.setdefault(setting.key, [])
        stronger.append(evolve(setting, used=not stronger))
    ordered = sorted(found, key=_order)
    return [setting for key in ordered for setting in found[key]]


def settings_schema() -> dict[str, Json]:
    """Return the JSON Schema of the settings file, for editors (`confjob schema --settings`)."""
    return table_schema(SettingsTable, "confjob/config.toml")


def _under(spec: InputSpec, settings: UsedSettings) -> InputSpec:
    if spec.kind == "env" or spec.kind == "resources":  # noqa: PLR1714 - mypy reads no `in`
        return evolve(spec, defaults=overlaid(settings.nodes(spec.kind), spec.defaults or {}))
    return spec


def _every(places: Places, settings: UsedSettings) -> Iterator[Setting]:
    key = KeyPath((STATE_DIR,))
    moved = places.state_dir() if places.variable else None
    if moved is not None:
        yield Setting(key=key, value=str(moved.folder), owner="environment", where=moved.where)
    for each in settings.read:
        for path in _keys(each.document.tree):
            yield Setting(
                key=path,
                value=get(each.document.tree, path),
                owner=each.file.owner,
                where=str(each.document.where(path) or each.file.shown),
            )


def _keys(tree: Mapping[str, Json]) -> Iterator[KeyPath]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from (KeyPath((name, below)) for below in value)
        else:
            yield KeyPath((name,))


def _order(key: KeyPath) -> tuple[int, str]:
    known = (STATE_DIR, "default-target", "targets", "policy", "resources", "env")
    return known.index(str(key[0])), str(key)


def _table(document: Document) -> SettingsTable:
    """Structure a settings file.

    Raises:
        ManifestError: With a problem for every fault.
    """
    odd = [*_odd_environs(document), *_odd_state_dir(document), *rule_faults(document)]
    try:
        table = structure(document, KeyPath(), SettingsTable)
    except ManifestError as error:
        known = {problem.path for problem in error.problems}
        raise refusal(
            document, [*error.problems, *(each for each in odd if each.path not in known)]
        ) from None
    if odd:
        raise refusal(document, odd)
    return table


def _odd_environs(document: Document) -> Iterator[Problem]:
    """Yield what is wrong with resources and variables whose types may all be right."""
    known = {each.name for each in fields(ResourcesTable)}
    tables = (_below(document, KeyPath((kind,))) for kind in ("resources", "env"))
    resources, env = (nodes if isinstance(nodes[KeyPath()].value, dict) else {} for nodes in tables)
    for spec in environs(resources, env):
        for path, message in faults(spec):
            # An unknown key is told with a suggestion, by the reading of the table.
            if spec.kind == "env" or known.intersection(path[:1]):
                yield problem_at(document, KeyPath((spec.kind, *path)), message)


def _odd_state_dir(document: Document) -> Iterator[Problem]:
    at = KeyPath((STATE_DIR,))
    value = get(document.tree, at)
    if isinstance(value, str):
        try:
            checked_folder(value)
        except ValueError as error:
            yield problem_at(document, at, str(error), hint="write the whole path; ~ may begin it")


def _below(document: Document, at: KeyPath) -> Mapping[KeyPath, Node]:
    """Return the nodes at and below `at`, as a tree of their own."""
    value = get(document.tree, at)
    if value is MISSING:
        return {KeyPath(): Node(value={})}
    size = len(at)
    return {KeyPath(path[size:]): node for path, node in document.nodes.items() if path.startswith(at)}


def _together(errors: list[ConfjobError]) -> ManifestError:
    problems = [
        problem
        for error in errors
        for problem in error.problems or [Problem(code="unreadable", message=error.message, hint=error.hint)]
    ]
    return ManifestError(f"the settings have {len(problems)} problems", problems=problems)
