import os

from confjob.pipeline.doctoring import keeping


def test_a_file_of_two_names_is_counted_once(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 100_000)
    alone, _ = keeping._size(tmp_path)
    os.link(tmp_path / "a", tmp_path / "b")
    assert keeping._size(tmp_path) == (alone, True)
    assert alone >= 100_000


def test_counting_ends_when_its_time_is_over(tmp_path, monkeypatch):
    monkeypatch.setattr(keeping, "_COUNTING", -1.0)
    assert keeping._size(tmp_path)[1] is False


def test_the_kind_of_file_system_is_that_of_the_innermost_mount(tmp_path):
    assert keeping._file_system(tmp_path) != ""
    assert "proc" in keeping._file_system(keeping.Path("/proc/self"))


def test_what_a_disk_can_do_is_tried_on_it(tmp_path, monkeypatch):
    def refuses(*_):
        raise OSError(1, "Operation not permitted")

    assert "hardlinks" in details(tmp_path)["file system"]
    monkeypatch.setattr(os, "link", refuses)
    monkeypatch.setattr(keeping.fcntl, "flock", refuses)
    told = details(tmp_path)
    assert "no hardlinks" in told["file system"]
    assert "locks" in told
    assert list(tmp_path.iterdir()) == []


def details(place):
    return {finding.name: finding.detail for finding in keeping._abilities(place)}
