"""Command lines made of annotations, and absl's, read as text."""

from pathlib import Path

import pytest

from confjob.declare.flags import read_flags
from confjob.keypath import KeyPath

HF = """\
from dataclasses import dataclass, field
from typing import List, Literal, Optional
from transformers import HfArgumentParser, TrainingArguments

@dataclass
class Base:
    seed: int = 42

@dataclass
class Model(Base):
    name: str = field(metadata={"help": "which model"})
    kind: Literal["a", "b"] = "a"
    half: bool = False
    layers: List[int] = field(default_factory=lambda: [1, 2])
    resume: Optional[str] = None
    path: str = field(default=__file__)
"""
TYPER = """\
import typer
from pathlib import Path
from typing import Annotated, Optional

app = typer.Typer()

@app.command()
def main(
    ctx: typer.Context,
    data: str,
    learning_rate: float = 0.1,
    half: bool = False,
    tags: list[str] = [],
    out: Path = Path("o"),
    depth: Annotated[int, typer.Option("--layers", "-l", min=1, max=9, help="how many")] = 3,
    name: Optional[str] = typer.Option(None, help="its name"),
    model: Model = Model.small,
): ...
"""
ABSL = """\
from absl import flags
flags.DEFINE_float("lr", 0.1, "step")
flags.DEFINE_enum("kind", "a", ["a", "b"], "which")
flags.DEFINE_multi_string("tag", "x", "tags")
flags.DEFINE_list("names", ["x"], "names")
"""


@pytest.fixture
def read(tmp_path):
    def read(text):
        Path(tmp_path, "train.py").write_text(text)
        return read_flags(tmp_path, "train.py", ("python", "train.py"))

    return read


def properties(spec):
    return spec.schema["properties"]


def said(spec):
    return [f"{each.where.line}: {each.message}" for each in spec.warnings]


def test_the_fields_of_dataclasses_are_read(read):
    spec = read(HF + "parser = HfArgumentParser((Model, TrainingArguments))\n")
    assert spec.defaults[KeyPath()].value == {
        "seed": 42,
        "kind": "a",
        "half": False,
        "layers": [1, 2],
        "resume": None,
    }
    assert spec.required == (KeyPath(("name",)),)
    assert properties(spec)["name"] == {"type": "string", "description": "which model"}
    assert {flag.takes for flag in spec.flags if str(flag.path) == "layers"} == {"words"}
    assert [each.partition(": ")[2] for each in said(spec)] == [
        "HfArgumentParser: --path: default=__file__ can't be read from the text",
        "HfArgumentParser: the flags of TrainingArguments, which is not of this file, are not read",
    ]


def test_the_parameters_of_a_typer_command_are_read(read):
    spec = read(TYPER)
    flags = {str(flag.path): (flag.word, flag.off, flag.takes) for flag in spec.flags}
    assert flags == {
        "data": ("", "", "argument"),
        "learning_rate": ("--learning-rate", "", "value"),
        "half": ("--half", "--no-half", "switch"),
        "tags": ("--tags", "", "repeat"),
        "out": ("--out", "", "value"),
        "depth": ("--layers", "", "value"),
        "name": ("--name", "", "value"),
        "model": ("--model", "", "value"),
    }
    assert spec.required == (KeyPath(("data",)),)
    assert properties(spec)["depth"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 9,
        "description": "how many",
    }
    assert len(said(spec)) == 2, "the type of --model, and its default"


def test_absl_flags_are_read(read):
    spec = read(ABSL)
    assert spec.defaults[KeyPath()].value == {"lr": 0.1, "kind": "a", "tag": ["x"]}
    assert said(spec) == ['5: absl: `flags.DEFINE_list("names", ["x"], "names")` is not read']
