"""Subcommands: which ones a script has, and where each is declared."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from confjob.declare.flags.argparse_calls import parsers_of_subcommands
from confjob.declare.flags.click_calls import click_commands, is_of_group
from confjob.declare.flags.typer_functions import typer_commands
from confjob.declare.pysource import PySource

__all__ = ["subcommands"]

Function = ast.FunctionDef | ast.AsyncFunctionDef

#: What click leaves out of a function's name.
_ENDING = re.compile(r"_(command|cmd|group|grp)$")


def subcommands(source: PySource) -> dict[str, str]:
    """Return a script's subcommands as they are typed; each with its function, argparse's with none."""
    found = dict.fromkeys(parsers_of_subcommands(source), "")
    of_click = click_commands(source)
    of_typer = typer_commands(source)
    if len(of_click) > 1 or any(is_of_group(source, each) for each in of_click.values()):
        found |= _typed(of_click.values())
    if len(of_typer) > 1:
        found |= _typed(of_typer.values())
    return found


def _typed(functions: Iterable[Function]) -> dict[str, str]:
    return {_name(function): function.name for function in functions}


def _name(function: Function) -> str:
    """Return what its decorator calls a command, else what click makes of the function's name."""
    for mark in function.decorator_list:
        if (
            isinstance(mark, ast.Call)
            and isinstance(mark.func, ast.Attribute)
            and mark.func.attr == "command"
        ):
            said = [*mark.args[:1], *(each.value for each in mark.keywords if each.arg == "name")]
            for node in said:
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    return node.value
    return _ENDING.sub("", function.name).replace("_", "-")
