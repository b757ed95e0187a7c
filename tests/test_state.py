import json

import pytest

from confjob.errors import InputError
from confjob.state import MovedStore, folder_in, left_behind, owner_of, require_folder


def test_a_project_has_one_folder_by_whatever_name_it_is_reached(tmp_path):
    (tmp_path / "a" / "digits").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "a" / "digits")
    folder = folder_in(tmp_path, tmp_path / "a" / "digits")
    assert folder == folder_in(tmp_path, tmp_path / "link")
    assert folder.name.startswith("digits-")
    assert folder != folder_in(tmp_path, tmp_path / "b" / "digits")


def test_the_root_of_all_is_a_project_too(tmp_path):
    assert folder_in(tmp_path, tmp_path.__class__("/")).name.startswith("root-")


def test_a_moved_folder_says_whose_it_is(tmp_path):
    project = tmp_path / "project"
    store = MovedStore(state=tmp_path / "state", checkout=project)
    store.ensure()
    assert owner_of(tmp_path / "state") == project
    before = (tmp_path / "state" / "project.json").stat()
    store.ensure()
    assert (tmp_path / "state" / "project.json").stat().st_ino == before.st_ino
    MovedStore(state=tmp_path / "state", checkout=tmp_path / "other").ensure()
    assert owner_of(tmp_path / "state") == tmp_path / "other"


@pytest.mark.parametrize("note", ["", "[]", "{}", '{"project": 1}', "\xff"])
def test_a_note_that_cant_be_read_says_nothing(tmp_path, note):
    assert owner_of(tmp_path) is None
    (tmp_path / "project.json").write_text(note)
    assert owner_of(tmp_path) is None
    (tmp_path / "project.json").write_text(json.dumps({"project": "/p"}))
    assert str(owner_of(tmp_path)) == "/p"


def test_runs_in_the_project_count_where_the_state_is_elsewhere(tmp_path):
    for name in ("abc", "def", ".new-ghi"):
        (tmp_path / ".confjob" / "runs" / name).mkdir(parents=True)
    assert left_behind(tmp_path, tmp_path / ".confjob") == 0
    assert left_behind(tmp_path, tmp_path / "state") == 2
    assert left_behind(tmp_path / "other", tmp_path / "state") == 0


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "file").touch()
    require_folder(tmp_path / "new" / "deep", "who")
    with pytest.raises(InputError, match="is no folder") as refused:
        require_folder(tmp_path / "file" / "deep", "who")
    assert refused.value.hint.startswith("who says")
