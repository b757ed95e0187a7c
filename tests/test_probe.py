"""Which interpreter is the job's, and how it is asked."""

import ast
import json
import os
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from confjob.errors import InputError
from confjob.probe import PROBES, asker, find_interpreter


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def ask(root, tmp_path):
    return asker(Path(sys.executable), root, tmp_path / "cache", time_limit=20)


def program(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def environment(folder):
    """Make what looks like a virtual environment: a link and a pyvenv.cfg."""
    (folder / "bin").mkdir(parents=True)
    (folder / "pyvenv.cfg").write_text("home = /usr/bin\n")
    (folder / "bin" / "python").symlink_to(sys.executable)
    return folder


def probe(folder, body):
    """Write a probe script whose `answer` is what `body` makes of `request`."""
    script = folder / "probe.py"
    code = f"""
import json, os, sys
request = json.load(open(sys.argv[1]))
files = []
{textwrap.dedent(body)}
json.dump({{"version": 1, "answer": answer, "files": files}}, open(sys.argv[2], "w"))
"""
    script.write_text(code)
    return script


def test_the_manifest_wins_then_the_active_environment_then_dot_venv_then_the_path(root, tmp_path):
    given, active = environment(root / "given"), environment(tmp_path / "active")
    on_path = program(tmp_path / "bin" / "python3")
    environ = {"PATH": str(on_path.parent), "VIRTUAL_ENV": str(active)}

    assert find_interpreter(root, "given/bin/python", environ).path == given / "bin" / "python"
    assert find_interpreter(root, None, environ).path == active / "bin" / "python"
    assert find_interpreter(root, None, {"PATH": environ["PATH"]}).path == on_path
    beside = environment(root / ".venv")
    assert find_interpreter(root, None, {"PATH": environ["PATH"]}).path == beside / "bin" / "python"


def test_a_virtual_environments_link_is_not_followed(root):
    found = find_interpreter(root, None, {"VIRTUAL_ENV": str(environment(root / "env"))})
    assert (found.path, found.bin, found.prefix) == (
        root / "env" / "bin" / "python",
        root / "env" / "bin",
        root / "env",
    )


def test_an_environments_folder_may_be_declared_and_a_bare_name_is_found_on_the_path(root, tmp_path):
    environment(root / "env")
    assert find_interpreter(root, "env", {}).path == root / "env" / "bin" / "python"
    named = program(tmp_path / "bin" / "python9")
    found = find_interpreter(root, "python9", {"PATH": str(named.parent)})
    assert (found.path, found.prefix) == (named, None)


@pytest.mark.parametrize("declared", [".venv/bin/python", "pythonx"])
def test_a_missing_declared_interpreter_is_refused_with_its_name(root, declared):
    with pytest.raises(InputError, match=declared) as caught:
        find_interpreter(root, declared, {"PATH": str(root)})
    assert caught.value.hint


def test_one_that_cannot_be_executed_is_refused(root):
    (root / "py").write_text("")
    with pytest.raises(InputError, match="can't be executed"):
        find_interpreter(root, "./py", {})


def test_a_stale_active_environment_is_passed_over_and_none_at_all_is_refused(root):
    with pytest.raises(InputError, match="no Python"):
        find_interpreter(root, None, {"VIRTUAL_ENV": str(root / "gone"), "PATH": str(root)})


def test_a_script_is_answered_in_the_project_with_no_stdin_whatever_it_prints(root, ask, tmp_path):
    body = """
        print("noise", "x" * 100_000); print("noise", file=sys.stderr)
        answer = [request["x"], os.getcwd(), sys.stdin.read(), sys.dont_write_bytecode]
    """
    assert ask(probe(tmp_path, body), {"x": 1}) == [1, str(root), "", True]


def test_an_answer_is_kept_until_a_file_it_stands_on_changes(root, ask, tmp_path):
    (root / "a.txt").write_text("one")
    ran = tmp_path / "ran"
    body = f"""
        open({str(ran)!r}, "a").write("x")
        files = ["a.txt", "absent.txt"]
        answer = open("a.txt").read()
    """
    script = probe(tmp_path, body)
    assert [ask(script, {}), ask(script, {}), ran.read_text()] == ["one", "one", "x"]
    os.utime(root / "a.txt", (1, 1))
    assert [ask(script, {}), ran.read_text()] == ["one", "x"], "a new time is no new content"
    (root / "a.txt").write_text("two")
    assert [ask(script, {}), ran.read_text()] == ["two", "xx"]
    (root / "absent.txt").write_text("")
    assert [ask(script, {}), ran.read_text()] == ["two", "xxx"]
    ask(script, {"other": "request"})
    assert ran.read_text() == "xxxx"
    script.write_text(script.read_text() + "# edited\n")
    ask(script, {})
    assert ran.read_text() == "xxxxx"


def test_another_process_finds_the_kept_answer(root, ask, tmp_path):
    script = probe(tmp_path, "answer = os.getpid()")
    other = asker(Path(sys.executable), root, tmp_path / "cache")
    assert ask(script, {}) == other(script, {})


def test_an_installed_package_makes_the_interpreter_another(root, tmp_path):
    venv = environment(root / "env")
    packages = venv / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    script = probe(tmp_path, "answer = os.getpid()")
    before = asker(venv / "bin" / "python", root, tmp_path / "cache")(script, {})
    os.utime(packages, (1, 1))
    assert asker(venv / "bin" / "python", root, tmp_path / "cache")(script, {}) != before


@pytest.mark.parametrize("content", ["", "{", "[]", '{"answer": 1}', '{"answer": 1, "files": 3}'])
def test_a_corrupt_kept_answer_is_asked_for_again(ask, tmp_path, content):
    script = probe(tmp_path, "answer = 5")
    ask(script, {})
    (kept,) = (tmp_path / "cache").iterdir()
    kept.write_text(content)
    assert ask(script, {}) == 5
    assert json.loads(kept.read_text()) == {"answer": 5, "files": {}}


def test_a_cache_that_cannot_be_written_only_costs_time(root, tmp_path):
    (tmp_path / "file").write_text("")
    script = probe(tmp_path, "answer = 5")
    assert asker(Path(sys.executable), root, tmp_path / "file" / "cache")(script, {}) == 5


def test_the_script_runs_in_the_environment_of_the_job_without_the_mark_of_a_run(root, tmp_path):
    environ = {"PATH": "/usr/bin:/bin", "CONFJOB_RUN_DIR": "/x", "MINE": "1"}
    ask = asker(environment(root / "env") / "bin" / "python", root, tmp_path / "c", environ=environ)
    body = "answer = [os.environ.get(n) for n in ('PATH', 'VIRTUAL_ENV', 'CONFJOB_RUN_DIR', 'MINE')]"
    assert ask(probe(tmp_path, body), {}) == [
        f"{root}/env/bin:/usr/bin:/bin",
        str(root / "env"),
        None,
        "1",
    ]


def test_one_that_does_not_answer_in_time_is_ended_with_its_children(root, tmp_path):
    body = """
        import subprocess, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        open("pid", "w").write(str(child.pid))
        time.sleep(60)
    """
    ask = asker(Path(sys.executable), root, tmp_path / "cache", time_limit=4)
    with pytest.raises(InputError, match="no answer within 4 s") as caught:
        ask(probe(tmp_path, body), {})
    assert "__main__" in caught.value.hint
    pid = int((root / "pid").read_text())
    for _ in range(200):
        if not alive(pid):
            break
        time.sleep(0.05)
    assert not alive(pid)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_one_that_dies_is_told_with_its_last_words(ask, tmp_path):
    script = probe(tmp_path, "print('last words'); sys.stdout.flush(); os._exit(3)")
    with pytest.raises(InputError, match="ended with 3 and no answer: last words"):
        ask(script, {})


def test_an_error_names_the_place_and_is_not_kept(root, ask, tmp_path):
    (root / "schemas.py").write_text("import no_such_module_x\nclass A(no_such_module_x.B): pass\n")
    request = {"file": "schemas.py", "module": "schemas", "import_root": ".", "expression": "A"}
    with pytest.raises(InputError, match=r"^schemas.py:1: ModuleNotFoundError: No module named") as caught:
        ask(PROBES / "describe_schema.py", request)
    assert "lacks no_such_module_x" in caught.value.hint
    assert not (tmp_path / "cache").exists()


def test_the_environment_is_described_by_the_paths_that_lead_into_the_project(root, tmp_path):
    """Path files, editable finders and PYTHONPATH count; the environment's own folders don't."""
    venv = root / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    (packages,) = venv.glob("lib/python3*/site-packages")
    for folder in ("src/pkg", "lib/flat", "linked", "tools", "extra"):
        (root / folder).mkdir(parents=True)
    (packages / "flat.pth").write_text(f"{root}/lib\n/\n")
    (packages / "linked").symlink_to(root / "linked")
    (packages / "__editable__.pkg-1.pth").write_text("import __editable___pkg_1_finder\n")
    (packages / "__editable___pkg_1_finder.py").write_text(
        f"MAPPING = {{'pkg': '{root}/src/pkg', 'far': '/far/away'}}\nNAMESPACES = {{'ns': ['{root}/tools']}}\n"
    )
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{root}/extra:/usr"}
    ask = asker(venv / "bin" / "python", root, tmp_path / "cache", environ=environ)
    answer = ask(PROBES / "describe_environment.py", {"root": str(root)})
    assert answer["version"] == ".".join(map(str, sys.version_info[:3]))
    assert answer["prefix"] == str(venv)
    assert answer["sys_path"] == [str(root / "extra"), str(root / "lib")]
    assert answer["editable"] == {
        "pkg": str(root / "src" / "pkg"),
        "ns": str(root / "tools"),
        "linked": str(root / "linked"),
    }
    (packages / "flat.pth").write_text("# gone\n")
    assert ask(PROBES / "describe_environment.py", {"root": str(root)})["sys_path"] == [str(root / "extra")]


def test_an_environment_of_confjobs_own_is_not_the_jobs(root, tmp_path):
    plain = tmp_path / "bin" / "python"
    plain.parent.mkdir()
    plain.symlink_to(Path(sys.executable).resolve())
    ask = asker(plain, root, tmp_path / "c", environ={"PATH": "/bin", "VIRTUAL_ENV": "/other"})
    assert ask(probe(tmp_path, "answer = os.environ.get('VIRTUAL_ENV')"), {}) is None


@pytest.mark.parametrize(
    "script", [*PROBES.glob("*.py"), PROBES.parent / "job" / "runner.py"], ids=lambda p: p.name
)
def test_what_runs_in_the_jobs_interpreter_is_written_for_old_ones(script):
    ast.parse(script.read_text(encoding="utf-8"), feature_version=(3, 8))


def test_the_probes_import_nothing_beyond_the_standard_library():
    for script in PROBES.glob("describe_*.py"):
        code = (
            f"import runpy, sys; runpy.run_path({str(script)!r});"
            "print([n for n in sys.modules if n.partition('.')[0] in ('confjob', 'attr', 'attrs', 'yaml')])"
        )
        done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"


def test_kept_answers_are_for_their_owner_alone(ask, tmp_path):
    ask(probe(tmp_path, "answer = 5"), {})
    (kept,) = (tmp_path / "cache").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
