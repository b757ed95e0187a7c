"""What is loaded, and how changes reach it: documents, their places, deliveries and problems."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from pathlib import Path, PurePosixPath
from typing import Literal

from attrs import evolve, field, frozen

from confjob.errors import InputError
from confjob.keypath import KeyPath, is_index
from confjob.textfile import TextFile, contained, decode
from confjob.tree import Json, merge, walk

__all__ = [
    "Ask",
    "Delivery",
    "Document",
    "Node",
    "Problem",
    "RunFile",
    "Source",
    "Span",
    "overlaid",
    "require_text",
]


#: Runs a stdlib-only script (by path) in the job's interpreter with a JSON request and
#: returns its JSON answer; answers are cached.
Ask = Callable[[Path, Json], Json]


@frozen(kw_only=True)
class Span:
    """Where a value stands. Offsets count characters from 0; line and column from 1."""

    file: PurePosixPath
    line: int
    column: int
    start: int
    end: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    @property
    def in_project(self) -> bool:
        """Whether it is in a file of the project, and not in someone's settings."""
        return self.file.parts[:1] not in (("~",), ("/",))


@frozen(kw_only=True)
class Node:
    """One value of a document, as read and as spelled.

    `value` of a mapping or list is the whole value below it, shared, not copied.
    `style` is how a scalar is written (`""` plain, `"'"`, `'"'`, `"|"`, `">"`);
    `comment` is the text of the comment on its line, without the `#`.
    """

    value: Json
    where: Span | None = None
    style: str = ""
    comment: str = ""


@frozen(kw_only=True)
class RunFile:
    """Stands for the absolute path of a private file, which only the run knows."""

    name: str


@frozen(kw_only=True)
class Delivery:
    """How changes reach the job. Secrets may stand in `private` only.

    Args:
        files: Workspace-relative path to the whole new text.
        private: Name to content of 0600 files in the run folder.
        environment: Variables for the job.
        command: The whole new argv, or None to leave it.
    """

    files: Mapping[PurePosixPath, str] = field(factory=dict)
    private: Mapping[str, str] = field(factory=dict)
    environment: Mapping[str, str | RunFile] = field(factory=dict)
    command: tuple[str, ...] | None = None

    @classmethod
    def together(cls, deliveries: Iterable[Delivery]) -> Delivery:
        """Return deliveries as one, in order."""
        return reduce(cls.then, deliveries, cls())

    def then(self, later: Delivery) -> Delivery:
        """Return both deliveries as one; `later` wins where they touch the same thing."""
        return Delivery(
            files={**self.files, **later.files},
            private={**self.private, **later.private},
            environment={**self.environment, **later.environment},
            command=self.command if later.command is None else later.command,
        )


@frozen(kw_only=True)
class Source:
    """All that a format may read.

    Args:
        input: `run-config`, or the file's project-relative path.
        path: The file that is read, relative to `root`; None where there is no file.
        root: The project root.
        command: The job's argv, for formats that deliver through it.
        delivered: What has been applied so far; `text` shows files with it applied.
        ask: Asks a script in the job's interpreter; None where there is none to ask.
        provided: Texts that stand for files the project does not have: a format that knows
            configs by name (a framework's built-in ones) gives the file it delivers.
    """

    input: str
    path: PurePosixPath | None
    root: Path
    command: tuple[str, ...] = ()
    delivered: Delivery = field(factory=Delivery)
    ask: Ask | None = None
    provided: Mapping[PurePosixPath, str] = field(factory=dict)

    def text(self, path: PurePosixPath) -> str:
        """Return the text of a project file: line feeds only, no byte-order mark.

        Raises:
            InputError: When it is missing, outside the project, or not UTF-8.
        """
        return self.delivered.files[path] if path in self.delivered.files else self.on_disk(path).text

    def on_disk(self, path: PurePosixPath) -> TextFile:
        """Return the file as it stands in the project, whatever has been delivered."""
        if path in self.provided:
            return decode(self.provided[path].encode(), path)
        file = contained(self.root, path)
        try:
            return decode(file.read_bytes(), path)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from None

    def applied(self, delivery: Delivery) -> Source:
        """Return the source that a job with `delivery` will read."""
        after = self.delivered.then(delivery)
        return evolve(self, delivered=after, command=after.command or self.command)


@frozen(kw_only=True)
class Document:
    """A loaded source: every value by path, in document order; `KeyPath()` is the root.

    `selectors` are paths whose change changes the tree or its types (a Hydra group, a
    `_component_`): they are applied first and the source is loaded again. `required` are
    paths whose value is only a mark for a missing one (`???`): no job starts before they
    are given one.
    """

    source: Source
    nodes: Mapping[KeyPath, Node]
    selectors: frozenset[KeyPath] = frozenset()
    warnings: tuple[Problem, ...] = ()
    required: frozenset[KeyPath] = frozenset()

    @property
    def tree(self) -> Json:
        """The whole value; an empty document is an empty mapping."""
        root = self.nodes.get(KeyPath())
        return {} if root is None else root.value

    def resolve(self, path: KeyPath) -> KeyPath:
        """Return `path` with digit components turned into indices where a list stands."""
        found = KeyPath()
        for part in path:
            node = self.nodes.get(found)
            in_list = node is not None and isinstance(node.value, list)
            digits = isinstance(part, str) and is_index(part)
            found = found.child(int(part) if in_list and digits else part)
        return found

    def where(self, path: KeyPath) -> Span | None:
        """Return the position of the value at `path`, else of its nearest ancestor."""
        while path and path not in self.nodes:
            path = path.parent
        node = self.nodes.get(path)
        return node.where if node else None


@frozen(kw_only=True)
class Problem:
    """Something wrong, with all that a person needs to mend it.

    `code` is a stable word for machines (`unknown-path`, `type`, …). A warning does not
    keep a job from starting; a note is for whoever looks at the inputs, and `launch` does
    not repeat it.
    """

    code: str
    message: str
    input: str = ""
    path: KeyPath = field(factory=KeyPath)
    hint: str = ""
    where: Span | None = None
    severity: Literal["error", "warning", "note"] = "error"


def overlaid(below: Mapping[KeyPath, Node] | None, above: Mapping[KeyPath, Node]) -> Mapping[KeyPath, Node]:
    """Return two trees of nodes as one; `above` wins, mappings are merged."""
    if not below or not above:
        return above or below or {}
    tree = merge(below[KeyPath()].value, above[KeyPath()].value)
    spelled = {**below, **above}
    return {path: evolve(spelled[path], value=value) for path, value in walk(tree)}


def require_text(source: Source) -> str:
    """Return the text of the file that `source` names.

    Raises:
        InputError: When it names none, or the file can't be read.
    """
    if source.path is None:
        raise InputError(f"{source.input}: this format reads files")
    return source.text(source.path)
