"""The laws of a format, checked on an author's own example texts.

They are easy to believe and hard to keep, so they are stated once, in the function that
confjob's own formats are tested with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from confjob import tree
from confjob.errors import InvalidOverrides
from confjob.keypath import KeyPath
from confjob.model import Change, Delivery, Format, Source
from confjob.tree import MISSING, Json, MissingType

__all__ = ["check_format"]


def check_format(
    format: Format,  # noqa: A002 - the noun of the model
    text: str,
    *,
    file_name: str,
    changes: Iterable[tuple[str, Json | MissingType]] = (),
    new_key: str = "added_by_check",
) -> None:
    """Assert the laws of a format on one example text.

    No change gives back the text, byte for byte. Every value has a place in the file. Each
    leaf is set to another value of its type, each is deleted, and each mapping gets a new
    key: either the result, loaded again, is exactly what was meant, and a leaf that was set
    altered only its own lines; or the change is refused with a problem for its path. The
    project's own file is never written.

    Args:
        format: The format.
        text: An example; give several, with all that the format has to offer.
        file_name: What the file is called, suffix included.
        changes: Further changes, (path, new value or `MISSING`), made together: they must
            not be refused.
        new_key: The key to add; it must not occur in the text.

    Raises:
        AssertionError: Naming the law, the change and what came instead.

    Example:
        >>> from confjob.builtin.json import FORMAT
        >>> check_format(FORMAT, '{"lr": 0.1, "name": "a"}', file_name="config.json")
    """
    with TemporaryDirectory() as folder:
        root = Path(folder)
        (root / file_name).write_bytes(text.encode())
        path = PurePosixPath(file_name)
        checker = _Checker(format, Source(input=file_name, path=path, root=root))
        checker.unchanged()
        checker.places()
        for path_of_leaf, value in tree.leaves(checker.document.tree):
            checker.leaf(path_of_leaf, value)
        for path_of_mapping, value in tree.walk(checker.document.tree):
            if isinstance(value, dict) and path_of_mapping in checker.document.nodes:
                checker.one(path_of_mapping.child(new_key), 1)
        listed = [(KeyPath.parse(text), after) for text, after in changes]
        assert not listed or checker.applied(listed) is not None, f"{file_name}: refused {listed}"
        assert (root / file_name).read_bytes() == text.encode(), "the project's own file was written"


class _Checker:
    def __init__(self, format: Format, source: Source) -> None:  # noqa: A002
        self.format = format
        self.source = source
        self.document = format.load(source)
        self.places_used = Counter(node.where for node in self.document.nodes.values())

    def unchanged(self) -> None:
        """No change, no difference."""
        delivery = self.format.deliver(self.document, [])
        for path, text in delivery.files.items():
            assert text == self.source.text(path), f"{path}: no change altered the text"
        assert not delivery.private, "no change delivered a private file"
        assert not delivery.environment, "no change delivered a variable"

    def places(self) -> None:
        """Every value has a place, and the place is in the file."""
        for path, node in self.document.nodes.items():
            where = node.where
            assert where is not None, f"{path}: has no place"
            before = self.source.text(where.file)[: where.start]
            assert where.start <= where.end, f"{path}: ends before it starts"
            expected = (before.count("\n") + 1, len(before) - before.rfind("\n"))
            assert (where.line, where.column) == expected, (
                f"{path}: line and column are not those of the offset"
            )
            assert tree.same(node.value, tree.get(self.document.tree, path)), (
                f"{path}: not the value of the tree"
            )

    def leaf(self, path: KeyPath, value: Json) -> None:
        """A leaf can be set, altering its own lines only, and deleted."""
        delivery = self.one(path, _other(value))
        where = None if isinstance(value, (dict, list)) else self.document.nodes[path].where
        # What an alias shows stands elsewhere: its place belongs to several values.
        if delivery is not None and where is not None and self.places_used[where] == 1:
            text = self.source.text(where.file)
            last = text.count("\n", 0, where.end) + 1
            for line in _altered(text, delivery.files.get(where.file, text)):
                assert where.line <= line <= last, f"{path}: setting it altered line {line}"
        if path:
            self.one(path, MISSING)

    def one(self, path: KeyPath, after: Json | MissingType) -> Delivery | None:
        """Make one change; see `applied`."""
        return self.applied([(path, after)])

    def applied(self, changes: Sequence[tuple[KeyPath, Json | MissingType]]) -> Delivery | None:
        """Make changes and load the result; returns None where they are refused."""
        made = [self._change(path, after) for path, after in changes]
        try:
            delivery = self.format.deliver(self.document, made)
        except InvalidOverrides as refused:
            _well_refused(refused, made)
            return None
        expected = self.document.tree
        for path, after in changes:
            expected = tree.delete(expected, path) if after is MISSING else tree.put(expected, path, after)
        found = self.format.load(self.source.applied(delivery)).tree
        assert tree.same(found, expected), f"{changes}: loaded again, it is {found!r} and not {expected!r}"
        return delivery

    def _change(self, path: KeyPath, after: Json | MissingType) -> Change:
        before = tree.get(self.document.tree, path)
        where = self.document.where(path)
        return Change(
            input=self.source.input, path=path, before=before, after=after, said="check", where=where
        )


def _well_refused(refused: InvalidOverrides, changes: Sequence[Change]) -> None:
    paths = {change.path for change in changes}
    assert refused.problems, "a refusal without a problem"
    for problem in refused.problems:
        assert problem.path in paths, f"a refusal of {problem.path}, which nobody changed"
        assert problem.message, f"{problem.path}: a refusal without a reason"
        assert problem.code, f"{problem.path}: a refusal without a code"


def _other(value: Json) -> Json:
    """Return another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return 0.123 if value != 0.123 else 0.25
    if isinstance(value, str):
        return value + "x"
    return 5


def _altered(old: str, new: str) -> Iterator[int]:
    """Yield the numbers of the lines of `old` that `new` does not have."""
    matcher = SequenceMatcher(None, old.split("\n"), new.split("\n"), autojunk=False)
    for kind, start, end, _, _ in matcher.get_opcodes():
        if kind != "equal":
            yield from range(start + 1, max(end, start) + 1)
