"""transformers' HfArgumentParser: the fields of the dataclasses that it is given."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from confjob.declare.flags.argument import Argument, Call, Reading, Unread, described, nullable
from confjob.declare.flags.typed import annotated
from confjob.declare.pysource import PySource, Unreadable
from confjob.tree import MISSING, Json, MissingType

__all__ = ["read_dataclasses"]

_PARSERS = ("HfArgumentParser", "TrlParser", "H4ArgumentParser")


def read_dataclasses(source: PySource) -> Reading | None:
    """Return the fields of the dataclasses that the file's HfArgumentParser is given, or None."""
    call = next(filter(lambda node: _is_parser(source, node), ast.walk(source.tree)), None)
    return None if not isinstance(call, ast.Call) else _Reader(source).reading(call)


def _is_parser(source: PySource, node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and source.origin(node.func).rpartition(".")[2] in _PARSERS


class _Reader:
    def __init__(self, source: PySource) -> None:
        self.source = source
        self.unread: list[Unread] = []
        self.classes = {node.name: node for node in ast.walk(source.tree) if isinstance(node, ast.ClassDef)}

    def reading(self, call: ast.Call) -> Reading:
        given = [*call.args, *(each.value for each in call.keywords if each.arg == "dataclass_types")]
        found: dict[str, Argument] = {}
        for node in given[:1]:
            for each in node.elts if isinstance(node, (ast.Tuple, ast.List)) else [node]:
                found |= {argument.key: argument for argument in self._class(each)}
        return Reading.of("HfArgumentParser", list(found.values()), self.unread)

    def _class(self, node: ast.expr) -> Iterator[Argument]:
        known = self.classes.get(ast.unparse(node))
        if known is None:
            self._tell(node, f"the flags of {ast.unparse(node)}, which is not of this file, are not read")
            return
        for base in known.bases:
            yield from self._class(base)
        for field in known.body:
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                yield from self._field(field, field.target.id)

    def _field(self, field: ast.AnnAssign, name: str) -> Iterator[Argument]:
        said = annotated(self.source, field.annotation)
        if not said.known:
            shown = self.source.segment(field.annotation)
            self._tell(
                field, f"--{name}: its type {shown} is not read, so its values are not checked", lost=False
            )
        default, text = self._default(field.value, name)
        required = default is MISSING and not _has_default(field.value)
        schema = {**said.schema, "minItems": 1} if said.is_list and default != [] else said.schema
        yield Argument(
            key=name,
            word=f"--{name}",
            takes="words" if said.is_list else "value",
            schema=described(nullable(schema, default), text, default),
            default=default,
            required=required,
            where=self.source.span(field),
            flags=(f"--{name}", f"--no_{name}"),
        )

    def _default(self, node: ast.expr | None, name: str) -> tuple[Json | MissingType, str]:
        """Return a field's default and its help."""
        if node is None:
            return MISSING, ""
        if not isinstance(node, ast.Call):
            return self._value(node, name), ""
        call = Call(self.source, node, f"--{name}")
        text = self._help(call)
        if "default_factory" in call.keywords:
            return self._made(call.keywords["default_factory"], name), text
        default = call.literal("default", MISSING)
        self.unread += [each for each in call.unread if "metadata" not in each.message]
        return default, text

    def _made(self, node: ast.expr, name: str) -> Json | MissingType:
        made = node.body if isinstance(node, ast.Lambda) else node
        return [] if self.source.origin(made) == "list" else self._value(made, name)

    def _value(self, node: ast.expr, name: str) -> Json | MissingType:
        try:
            return self.source.value(node)
        except Unreadable:
            shown = self.source.segment(node)
            self._tell(node, f"--{name}: its default {shown} can't be read from the text", lost=False)
            return MISSING

    def _help(self, call: Call) -> str:
        try:
            metadata = self.source.value(call.keywords["metadata"]) if "metadata" in call.keywords else {}
        except Unreadable:
            return ""
        text = metadata.get("help", "") if isinstance(metadata, dict) else ""
        return text if isinstance(text, str) else ""

    def _tell(self, node: ast.AST, message: str, *, lost: bool = True) -> None:
        self.unread.append(Unread(message=message, where=self.source.span(node), lost=lost))


def _has_default(node: ast.expr | None) -> bool:
    """Whether a field has a default, be it one that the text does not tell."""
    if isinstance(node, ast.Call):
        return any(each.arg in ("default", "default_factory") for each in node.keywords)
    return node is not None
