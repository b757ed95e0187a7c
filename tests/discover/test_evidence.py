"""Command lines in prose and shell scripts."""

from pathlib import Path, PurePosixPath

import pytest

from confjob.discover.evidence import said_commands

README = """\
# How
Run `python train.py --config a.yaml` or

    $ CUDA_VISIBLE_DEVICES=0 python train.py \\
        --config=b.yaml

```bash
uv run accelerate launch train.py --config "c d.yaml"   # with GPUs
pip install python
```
"""


def test_lines_that_start_python_are_found_with_their_place(tmp_path):
    Path(tmp_path, "README.md").write_text(README)
    found = said_commands(tmp_path, [PurePosixPath("README.md"), PurePosixPath("other.md")])
    assert [(said.where, said.value_of("--config")) for said in found] == [
        ("README.md:4", "b.yaml"),
        ("README.md:8", "c d.yaml"),
    ]


@pytest.mark.parametrize("text", ["python 'open\n", "\xff", ""])
def test_what_can_not_be_read_says_nothing(tmp_path, text):
    Path(tmp_path, "run.sh").write_bytes(text.encode("latin-1"))
    assert said_commands(tmp_path, [PurePosixPath("run.sh"), PurePosixPath("gone.sh")]) == []
