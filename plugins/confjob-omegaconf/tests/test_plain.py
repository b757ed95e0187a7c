"""OmegaConf files: YAML in which `${…}` is a reference and `???` a value that must be given."""

from pathlib import PurePosixPath

from confjob_omegaconf.plain import FORMAT

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
