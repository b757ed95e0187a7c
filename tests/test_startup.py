"""What starting loads. `import confjob` costs every training script, `--help` every key press.

An allow-list: what is not on it fails, so that a new import is a decision and not an accident.
"""

import json
import pkgutil
import subprocess
import sys

import pytest

import confjob

#: Standard library, but slow, and a sign that plugins were looked for.
NOT_EVEN_IF_STANDARD = {"importlib.metadata", "asyncio", "unittest", "multiprocessing"}

REPORT = """
import json, sys
before = set(sys.modules)
try:
    {code}
finally:
    print("\\n" + json.dumps(sorted(set(sys.modules) - before)))
"""


def run(*arguments):
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded_by(code):
    return json.loads(run("-c", REPORT.format(code=code)).splitlines()[-1])


def strangers(modules, *allowed):
    names = {*sys.stdlib_module_names, "confjob", *allowed}
    return [name for name in modules if name.partition(".")[0] not in names or name in NOT_EVEN_IF_STANDARD]


def test_what_a_job_imports_is_standard_library_only():
    modules = loaded_by("import confjob; from confjob import job, load_config, manage_config_file")
    assert strangers(modules) == []
    above = [name for name in modules if name.startswith("confjob.") and not name.startswith("confjob.job")]
    assert above == [], "the job's side imports nothing of confjob above it"


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_load_click_and_no_plugin(option):
    modules = loaded_by(f"import confjob.__main__; confjob.__main__.run([{option!r}])")
    assert strangers(modules, "click") == []


def test_a_stranger_is_noticed():
    assert strangers(loaded_by("import pluggy")) != []
    assert strangers(loaded_by("import importlib.metadata")) != []


def test_importing_confjob_leaves_the_heavy_part_to_those_who_ask_for_it():
    modules = loaded_by("import confjob")
    assert [name for name in modules if name.startswith("confjob.")] == []


def test_every_module_can_be_imported_first_and_without_a_warning():
    names = [module.name for module in pkgutil.walk_packages(confjob.__path__, "confjob.")]
    code = f"""
import importlib, sys
for name in {names!r}:
    for known in [known for known in sys.modules if known.partition(".")[0] == "confjob"]:
        del sys.modules[known]
    importlib.import_module(name)
"""
    assert run("-W", "error", "-c", code) == ""
