import sys
from pathlib import Path

from confjob.probe import PROBES, asker


def test_modules_are_found_without_importing_them(tmp_path):
    ask = asker(Path(sys.executable), tmp_path, tmp_path / "cache")
    answer = ask(PROBES / "describe_modules.py", {"modules": ["attrs", "this", "nosuch", "bad name."]})
    assert answer["version"] == ".".join(map(str, sys.version_info[:3]))
    assert answer["modules"]["attrs"]
    assert answer["modules"]["this"] == "", "a module of the standard library has no version, and is there"
    assert answer["modules"]["nosuch"] is None
    assert answer["modules"]["bad name."] is None
