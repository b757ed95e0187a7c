import json
import os

import pytest

from confjob.offers import freshness, key_of, load, save, stamps


def offers(root, key="k", rules=("launch.toml",), data=("config.yaml",)):
    return {
        "key": key,
        "rules": stamps(str(root), rules),
        "data": stamps(str(root), data),
        "inputs": [],
        "offers": [],
    }


def test_what_is_saved_is_loaded(tmp_path):
    made = offers(tmp_path)
    save(str(tmp_path), made)
    assert load(str(tmp_path), "k") == made
    assert load(str(tmp_path), "other") is None


def test_another_job_with_the_same_hash_is_not_taken_for_it(tmp_path):
    save(str(tmp_path), offers(tmp_path))
    (kept,) = (tmp_path / "cache" / "completion").iterdir()
    kept.write_text(json.dumps({**json.loads(kept.read_text()), "key": "other"}))
    assert load(str(tmp_path), "k") is None


def test_only_the_user_may_read_what_is_kept(tmp_path):
    save(str(tmp_path), offers(tmp_path))
    (kept,) = (tmp_path / "cache" / "completion").iterdir()
    assert kept.stat().st_mode & 0o077 == 0


def test_a_failed_write_leaves_the_old_and_no_draft(tmp_path):
    save(str(tmp_path), offers(tmp_path))
    with pytest.raises(TypeError):
        save(str(tmp_path), {**offers(tmp_path), "inputs": [object()]})
    assert load(str(tmp_path), "k") == offers(tmp_path)
    assert len(list((tmp_path / "cache" / "completion").iterdir())) == 1


def test_the_oldest_are_removed(tmp_path):
    for number in range(210):
        save(str(tmp_path), offers(tmp_path, key=str(number)))
    assert len(list((tmp_path / "cache" / "completion").iterdir())) == 200
    assert load(str(tmp_path), "209") is not None


def test_freshness_is_told_by_the_files(tmp_path):
    made = offers(tmp_path)
    assert freshness(str(tmp_path), made) == "fresh"
    (tmp_path / "config.yaml").write_text("a: 1")
    assert freshness(str(tmp_path), made) == "usable"
    made = offers(tmp_path)
    os.utime(tmp_path / "config.yaml", ns=(1, 1))
    assert freshness(str(tmp_path), made) == "usable"
    (tmp_path / "launch.toml").write_text("")
    assert freshness(str(tmp_path), made) == "stale"


def test_a_script_is_the_same_job_wherever_it_is_named_from():
    assert key_of("/p", "/p", "sub/train.py:fit", {}) == key_of("/p", "/p/sub", "train.py:fit", {})
    assert key_of("/p", "/p", "train", {}) == key_of("/p", "/p/sub", "train", {})
    assert key_of("/p", "/p", "train", {"config": "b.yaml"}) != key_of("/p", "/p", "train", {})
