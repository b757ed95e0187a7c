"""OmegaConf files: YAML in which `${…}` is a reference and `???` a value that must be given."""

from pathlib import PurePosixPath

import yaml
from confjob_omegaconf.plain import FORMAT
from hypothesis import given, settings
from hypothesis import strategies as st

from confjob.plugin import KeyPath, Source
from confjob.testing import check_format

TEXT = "# run\nname: a\nout: results/${name}   # where\nlr: 1e-3\nsteps: ???\nlayers:\n  - 1\n  - ${lr}\n"


def loaded(tmp_path, text):
    (tmp_path / "c.yaml").write_text(text)
    return FORMAT.load(Source(input="c.yaml", path=PurePosixPath("c.yaml"), root=tmp_path))


def test_the_laws_of_a_format_hold():
    check_format(FORMAT, TEXT, file_name="c.yaml", changes=[("name", "b"), ("steps", 3)])


def test_references_stay_as_written_and_are_noted_once(tmp_path):
    document = loaded(tmp_path, TEXT)
    assert document.tree["out"] == "results/${name}"
    [note] = document.warnings
    assert (note.severity, str(note.path), note.where.line) == ("note", "out", 3)
    assert "1 more" in note.message


def test_an_escaped_reference_is_text(tmp_path):
    assert loaded(tmp_path, "a: \\${b}\n").warnings == ()


def test_numbers_are_read_as_omegaconf_reads_them_and_no_reader_is_doubted(tmp_path):
    document = loaded(tmp_path, "lr: 1e-3\n")
    assert document.tree == {"lr": 0.001}
    assert document.warnings == ()


def test_a_missing_value_is_required(tmp_path):
    assert loaded(tmp_path, TEXT).required == {KeyPath(("steps",))}


_LEAF = st.one_of(
    st.integers(-99, 99), st.booleans(), st.none(), st.sampled_from(["a b", "no", "1e-4", "x: y", ""])
)
_KEY = st.sampled_from(["lr", "model", "data", "name", "b_1"])
_TREE = st.recursive(
    _LEAF, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEY, inner, max_size=3))
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(_KEY, _TREE, min_size=1, max_size=4))
def test_the_laws_of_patching_hold_for_any_config(config):
    """Unchanged it is the same text; each leaf set, added or deleted reads back as meant."""
    text = "# a remark\n" + yaml.safe_dump(config, sort_keys=False)
    check_format(FORMAT, text, file_name="config.yaml")
