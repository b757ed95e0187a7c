"""What a TAB offers, what it must never offer, and what it may load and print."""

import json
import os
import subprocess
import sys
import time

import click
import pytest

from confjob.cli import VERBS, completing, confjob
from confjob.cli.completing.place import Place
from confjob.cli.completing.shells import complete_class, respond, script
from confjob.model import State
from confjob.project import Project

MANIFEST = """
default-target = "cluster"

[jobs.train]
command = ["python", "train.py"]
description = "Digit classifier"
env = { HF_TOKEN = "hf-secret", MODE = "fast" }

[[jobs.train.files]]
path = "config.yaml"
exclude = ["wandb"]
secret = ["api_key"]

[jobs.train.files.schema.properties]
optimizer = { enum = ["adam", "sgd"], description = "how to descend" }
api_key = { enum = ["key-secret", "other-secret"] }
clip = { type = ["number", "null"], minimum = 0 }

[[jobs.train.files]]
name = "data"
path = "data.yaml"
choices = "data/*.yaml"

[jobs.evaluate]
command = ["python", "train.py"]

[targets.cluster]
backend = "local"
parallel = "{{runs}}"
[targets.cluster.variables]
runs = { type = "integer", default = 2, description = "at once" }
kind = { enum = ["small", "large"], default = "small" }
fast = { type = "boolean", default = true }
"""
FILES = {
    "launch.toml": MANIFEST,
    "train.py": "print('done')\n",
    "config.yaml": (
        "learning_rate: 0.1\noptimizer: sgd\nshuffle: true\nseed: 1\napi_key: key-secret\n"
        "wandb: {project: hidden-project}\nmodel:\n  layers:\n  - lr: 0.5\n"
    ),
    "data.yaml": "seed: 2\nfolder: here\n",
    "data/a.yaml": "seed: 3\nfolder: a\n",
    "data/b.yaml": "seed: 4\nfolder: b\nextra: 1\n",
}


@pytest.fixture
def folder(project, monkeypatch):
    project.write(FILES)
    monkeypatch.chdir(project.root)
    for name in ("CONFJOB_STATE_DIR", "VIRTUAL_ENV", "CONDA_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(project.root / "no-config"))
    # Nobody waits for a key here, and the machine may be busy.
    monkeypatch.setattr("confjob.cli.completing.inputs._SECONDS", 60)
    return project


def offered(line):
    """Return the candidates for a line that ends at the cursor, each with its help."""
    *words, incomplete = line.split(" ")
    completer = complete_class("fish")(confjob, {}, "confjob", completing.VARIABLE)
    return {each.value: each.help or "" for each in completer.get_completions(words[1:], incomplete)}


def asked(folder, line, **variables):
    """Complete a line in a process of its own, as bash does."""
    environ = {**folder.environ, "COMP_LINE": line, "COMP_BREAKS": " =:", **variables}
    return folder.confjob(code=None, env={**environ, "_CONFJOB_COMPLETE": "bash_complete"})


# -- what is offered ----------------------------------------------------------------------


def test_verbs_and_the_options_of_each_are_offered(folder):
    assert list(offered("confjob ")) == list(VERBS)
    assert offered("confjob lau") == {"launch": VERBS["launch"]}
    assert "--set" in offered("confjob launch train --se")
    assert {"--set", "--follow"} <= offered("confjob launch train ").keys(), "nothing else can stand there"
    assert list(offered("confjob completion ")) == ["bash", "zsh", "fish"]
    assert "--directory" in offered("confjob --dir")


def test_jobs_are_offered_with_what_they_are(folder):
    assert offered("confjob launch ") == {"train": "Digit classifier", "evaluate": "python train.py"}
    assert list(offered("confjob runs --job e")) == ["evaluate"]


def test_targets_are_offered(folder):
    assert list(offered("confjob plan train --target ")) == ["local", "cluster"]


def test_variables_of_the_target_on_the_line_are_offered_and_what_each_may_be(folder):
    line = "confjob launch train --target cluster --set-var "
    assert offered(line) == {"runs=": "at once", "kind=": "", "fast=": ""}
    assert list(offered(f"{line}kind=")) == ["kind=small", "kind=large"]
    assert list(offered(f"{line}fast=")) == ["fast=true", "fast=false"]
    assert offered("confjob launch train --target local --set-var ") == {}


def test_files_that_may_be_picked_are_offered(folder):
    assert list(offered("confjob plan train --file ")) == ["data="]
    assert list(offered("confjob plan train --file data=")) == ["data=data/a.yaml", "data=data/b.yaml"]
    assert list(offered("confjob plan train --file data=data/b.yaml --set ext")) == ["extra="]


def test_paths_need_their_inputs_name_only_where_two_inputs_have_them(folder):
    found = offered("confjob plan train --set ")
    assert {"learning_rate=", "model.layers.0.lr=", "config.yaml:seed=", "data.yaml:seed="} <= found.keys()
    assert "seed=" not in found
    assert list(offered("confjob plan train --set data.yaml:se")) == ["data.yaml:seed="]
    assert list(offered("confjob plan train --set data:se")) == ["data:seed="], "by the input's name"
    assert found["learning_rate="] == "float · now 0.1"


def test_an_index_is_offered_as_it_is_begun(folder):
    assert list(offered("confjob plan train --set model.layers.")) == ["model.layers.0.lr="]
    assert list(offered("confjob plan train --set model.layers[")) == ["model.layers[0].lr="]


def test_a_part_of_a_path_will_do_where_nothing_begins_so(folder):
    assert list(offered("confjob plan train --set lay")) == ["model.layers.0.lr="]


def test_values_are_those_of_the_schema_and_the_present_one(folder):
    assert offered("confjob plan train --set optimizer=") == {
        "optimizer=adam": "",
        "optimizer=sgd": "as it is now",
    }
    assert list(offered("confjob plan train --set shuffle=")) == ["shuffle=true", "shuffle=false"]
    assert list(offered("confjob plan train --set clip=")) == ["clip=null"]
    assert list(offered("confjob plan train --set-any config.yaml:learning_rate=")) == [
        "config.yaml:learning_rate=0.1"
    ]
    assert list(offered("confjob plan train --set=optimizer=a")) == ["--set=optimizer=adam"]


def test_resources_and_variables_are_inputs_too(folder):
    assert "resources:gpus=" in offered("confjob plan train --set resources:")
    assert list(offered("confjob plan train --set env:M")) == ["env:MODE="]


def test_a_plus_offers_what_is_not_there(folder):
    assert list(offered("confjob plan train --set +")) == ["+clip=", "+config.yaml:", "+resources:", "+env:"]


def test_explain_is_offered_paths_without_an_equals_sign(folder):
    assert list(offered("confjob explain train learn")) == ["learning_rate"]


def test_a_function_is_offered_by_its_script(folder):
    folder.write(
        {"steps.py": "import confjob\n@confjob.job(name='x')\ndef fit(lr=0.1): 'Fit it.'\ndef no(): ...\n"}
    )
    assert offered("confjob show ste") == {"steps.py:fit": "Fit it."}
    assert offered("confjob show steps.py:") == {"steps.py:fit": "Fit it."}
    assert next(iter(offered("confjob plan steps.py:fit --set "))) == "lr="


def test_what_follows_two_dashes_is_the_jobs_own(folder):
    assert offered("confjob launch train -- --se") == {"--se": ""}


def test_runs_are_offered_the_newest_first_and_none_twice(folder):
    ids = [folder.launch("train", "--name", f"try-{number}", "--tag", "nightly")["id"] for number in range(2)]
    found = offered("confjob status ")
    assert list(found) == ids[::-1]
    assert found[ids[0]] == "train  SUCCEEDED  try-0  nightly"
    assert list(offered(f"confjob diff {ids[0]} ")) == [ids[1]]
    assert list(offered(f"confjob rm {ids[1]} ")) == [ids[0]]
    assert list(offered(f"confjob status {ids[0][:3]}")) == [ids[0]]
    assert list(offered("confjob runs --tag n")) == ["nightly"]
    assert list(offered("confjob runs --name t")) == ["try-1", "try-0"]
    assert "RUN" not in str(offered("confjob cancel ")), "both are over"
    assert list(offered(f"confjob rerun {ids[0]} --set learn")) == ["learning_rate="]


def test_a_run_that_goes_on_is_offered_to_cancel(folder):
    folder.write({"train.py": "import time\ntime.sleep(60)\n"})
    run = folder.json("launch", "train")["id"]
    assert list(offered("confjob cancel ")) == [run]
    assert offered("confjob status ")[run].split("  ")[1] in ("started", "not started")
    while folder.json("status", run)["state"] != "RUNNING":
        time.sleep(0.1)
    folder.confjob("cancel", run)
    assert run not in offered("confjob cancel ")


def test_the_states_offered_are_the_states_there_are():
    assert [name.upper() for name in completing.STATES] == list(State.__members__)


# -- what is never offered ----------------------------------------------------------------


def test_no_value_of_a_secret_is_offered_or_kept(folder):
    folder.confjob("show", "train")
    folder.confjob("plan", "train", "--set", "learning_rate=0.2")
    assert offered("confjob plan train --set api_key=") == {}
    assert offered("confjob plan train --set env:HF_TOKEN=") == {}
    kept = "".join(path.read_text() for path in (folder.root / ".confjob" / "cache").rglob("*.json"))
    assert "learning_rate" in kept
    assert "secret" not in kept + str(offered("confjob plan train --set "))


def test_what_is_excluded_is_never_offered(folder):
    assert not [text for text in offered("confjob plan train --set ") if "wandb" in text]
    assert offered("confjob plan train --set wandb") == {}
    assert offered("confjob plan train --set config.yaml:wandb.project=") == {}


HIDING = """
from pathlib import Path
from confjob.plugin import KeyPath, hookimpl

with Path(__file__).with_name("loaded").open("a") as file:
    file.write("x")

@hookimpl
def confjob_hide(document):
    return [KeyPath(("optimizer",))]
"""


def test_a_key_runs_no_plugin_of_the_project_and_shows_nothing_that_one_hides(folder):
    folder.write({"confjob_plugins.py": HIDING})
    assert offered("confjob plan train --set opt") == {}, "nobody knows yet what is hidden"
    assert not (folder.root / "loaded").exists()
    folder.confjob("show", "train")
    (folder.root / "loaded").unlink()
    assert list(offered("confjob plan train --set learn")) == ["learning_rate="]
    assert offered("confjob plan train --set opt") == {}
    assert not (folder.root / "loaded").exists()


def test_a_key_runs_no_code_of_the_job_and_knows_what_was_answered(folder, tmp_path):
    loaded = tmp_path / "loaded"
    schema = f"""
from pathlib import Path

def schema():
    Path({str(loaded)!r}).touch()
    return {{"properties": {{"optimizer": {{"enum": ["lion", "sgd"]}}}}}}

SCHEMA = schema()
"""
    manifest = MANIFEST.replace("[jobs.train.files.schema.properties]", "[unused]").partition("[unused]")[0]
    folder.write({"schemas.py": schema, "launch.toml": f'{manifest}schema = "schemas.py:SCHEMA"\n'})
    assert offered("confjob plan train --set optim") == {}, "what the schema says is not known"
    assert not loaded.exists()
    folder.confjob("show", "train")
    loaded.unlink()
    folder.write({"config.yaml": FILES["config.yaml"] + "# changed\n"})
    assert list(offered("confjob plan train --set optimizer=")) == ["optimizer=lion", "optimizer=sgd"]
    folder.write({"schemas.py": schema.replace("lion", "adagrad")})
    assert offered("confjob plan train --set optimizer=") == {}
    assert not loaded.exists()


# -- what stands in the cache -------------------------------------------------------------


def test_a_changed_file_is_read_again(folder):
    assert offered("confjob plan train --set newly") == {}
    folder.write({"config.yaml": FILES["config.yaml"] + "newly_there: 5\n"})
    assert offered("confjob plan train --set newly") == {"newly_there=": "int · now 5"}
    folder.write({"launch.toml": MANIFEST.replace('"wandb"', '"newly_there"')})
    assert offered("confjob plan train --set newly") == {}


def test_where_a_file_cannot_be_read_again_its_old_values_are_not_offered(folder):
    folder.write({"confjob_plugins.py": ""})
    folder.confjob("plan", "train")
    assert list(offered("confjob plan train --set learning_rate=")) == ["learning_rate=0.1"]
    folder.write({"config.yaml": FILES["config.yaml"].replace("0.1", "0.25")})
    assert offered("confjob plan train --set learn") == {"learning_rate=": "float"}
    assert offered("confjob plan train --set learning_rate=") == {}
    folder.write({"launch.toml": MANIFEST.replace('"wandb"', '"learning_rate"')})
    assert offered("confjob plan train --set learn") == {}, "what may be changed is not known any more"


def test_a_verb_does_not_fail_where_nothing_can_be_kept(folder):
    folder.write({".confjob/cache/completion": "a file, where a folder would be"})
    assert "learning_rate" in folder.confjob("show", "train").stdout
    assert list(offered("confjob plan train --set learn")) == ["learning_rate="]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 0}'])
def test_a_broken_cache_counts_as_none(folder, text):
    folder.confjob("show", "train")
    for kept in (folder.root / ".confjob" / "cache" / "completion").iterdir():
        kept.write_text(text)
    assert list(offered("confjob plan train --set learn")) == ["learning_rate="]


def test_a_folder_that_is_no_project_stays_empty(folder):
    (folder.root / "launch.toml").unlink()
    folder.write({"steps.py": "def fit(lr: float = 0.1): ...\n"})
    before = sorted(path.name for path in folder.root.iterdir())
    assert next(iter(offered("confjob plan steps.py:fit --set "))) == "lr="
    assert sorted(path.name for path in folder.root.iterdir()) == before


@pytest.mark.parametrize("said", ["nowhere", "variable", "settings"])
@pytest.mark.parametrize("inside", [".", "data"])
def test_completion_looks_where_the_project_keeps_its_runs(folder, tmp_path, monkeypatch, said, inside):
    scratch = tmp_path / "scratch"
    if said == "variable":
        monkeypatch.setenv("CONFJOB_STATE_DIR", str(scratch))
    if said == "settings":
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
        (tmp_path / "config" / "confjob").mkdir(parents=True)
        (tmp_path / "config" / "confjob" / "config.toml").write_text(f'state-dir = "{scratch}"\n')
    monkeypatch.chdir(folder.root / inside)
    place = Place(click.Context(confjob))
    assert place.state == str(Project.find().state)
    assert place.root == str(folder.root)
    assert (said == "nowhere") == (place.state == str(folder.root / ".confjob"))


def test_a_job_that_takes_long_to_read_is_given_up(folder, monkeypatch):
    def read(*_arguments):
        time.sleep(120)

    monkeypatch.setattr("confjob.cli.completing.inputs._SECONDS", 0.05)
    monkeypatch.setattr("confjob.pipeline.remembering.read_quietly", read)
    assert offered("confjob plan train --set learn") == {}


# -- how shells are answered --------------------------------------------------------------


@pytest.mark.parametrize(
    "files",
    [
        {"launch.toml": "[jobs.train\n"},
        {"launch.toml": "jobs = 3\n"},
        {"launch.toml": "[jobs.train]\nfiles = 3\n"},
        {"config.yaml": "a: [\n"},
        {"launch.toml": b"\xff\xfe"},
    ],
)
def test_what_cannot_be_read_is_met_with_silence(folder, files):
    folder.write(files)
    for line in (
        "confjob plan train --set learn",
        "confjob launch x",
        "confjob plan train --file x",
        "confjob nope ",
    ):
        done = asked(folder, line)
        assert (done.stdout.strip(), done.stderr) == ("", ""), line


def test_bash_is_given_what_stands_behind_its_word_breaks(folder):
    folder.confjob("show", "train")
    assert asked(folder, "confjob plan train --set data.yaml:fo").stdout == "plain,folder=\n"
    assert asked(folder, "confjob plan train --set optimizer=a").stdout == "plain,adam \n"
    assert (
        asked(folder, "confjob plan train --set optimizer=a", COMP_BREAKS=" ").stdout
        == "plain,optimizer=adam \n"
    )
    assert asked(folder, "confjob plan train --set 'data.yaml:fo").stdout == "plain,data.yaml:folder=\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_its_script(shell):
    assert respond(f"{shell}_source") == script(shell)
    assert completing.VARIABLE in script(shell)


def test_a_key_loads_nothing_slow(folder):
    """The budget is spent on Python and click."""
    folder.launch("train")
    allowed = {*sys.stdlib_module_names, "click", "platformdirs", "tomli", "confjob"}
    lines = (
        "confjob launch tr",
        "confjob plan train --set config.yaml:op",
        "confjob plan train --file d",
        "confjob status ",
        "confjob cancel ",
        "confjob runs --tag ",
        "confjob -p ",
    )
    for line in lines:
        report = "import atexit, json, sys; atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))"
        code = f"{report}; from confjob.__main__ import main; main()"
        environ = {
            **folder.environ,
            "COMP_LINE": line,
            "COMP_BREAKS": "=:",
            "_CONFJOB_COMPLETE": "bash_complete",
        }
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=folder.root,
            env=environ,
            capture_output=True,
            text=True,
            check=True,
        )
        loaded = json.loads(done.stderr)
        strangers = [name for name in loaded if name.partition(".")[0] not in allowed]
        # What the interpreter itself loads at its start is no one's doing.
        ours = [name for name in strangers if not name.startswith(("_", "sitecustomize"))]
        assert ours == [], line
        slow = {
            "importlib.metadata",
            "asyncio",
            "confjob.model",
            "confjob.project",
            "confjob.store",
        }
        assert slow.isdisjoint(loaded), line


# -- that nothing is forgotten ------------------------------------------------------------

#: Options and arguments that take what nobody can guess.
FREE = {
    ("capture", "command"), ("capture", "name"), ("capture", "timeout"), ("agent", "idle"),
    ("launch", "name"), ("launch", "remark"), ("rerun", "name"), ("rerun", "remark"),
    ("logs", "lines"), ("plugins", "name"), ("queue", "why"), ("runs", "limit"), ("runs", "watch"),
    ("ui", "host"), ("ui", "hosts"), ("ui", "port"),
    *((verb, option) for verb in VERBS for option in ("older_than", "larger_than")),
}  # fmt: skip


def parameters():
    for verb in VERBS:
        command = confjob.get_command(click.Context(confjob), verb)
        commands = command.commands.values() if isinstance(command, click.Group) else [command]
        for each in commands:
            yield from ((verb, param) for param in each.params)


def test_every_parameter_of_every_verb_is_completed():
    """Name a function of confjob.cli.completing as its shell_complete, or add it to FREE."""
    fixed = (click.Choice, click.Path, click.File)
    silent = [
        (verb, param.name)
        for verb, param in parameters()
        if not getattr(param, "is_flag", False)
        and param._custom_shell_complete is None
        and not isinstance(param.type, fixed)
    ]
    assert [each for each in silent if each not in FREE] == []


# -- the verb -----------------------------------------------------------------------------


@pytest.fixture
def home(folder, tmp_path):
    place = tmp_path / "home"
    place.mkdir()
    variables = {"HOME": str(place), "PATH": folder.environ["PATH"], "SHELL": "/bin/bash"}
    return place, {
        **{key: value for key, value in folder.environ.items() if not key.startswith("XDG_")},
        **variables,
    }


def test_the_script_is_printed_for_the_shell_that_is_used(folder, home):
    _, environ = home
    assert folder.confjob("completion", env=environ).stdout == script("bash")
    assert folder.confjob("completion", "zsh", env=environ).stdout == script("zsh")
    refused = folder.confjob("completion", env={**environ, "SHELL": "/bin/tcsh"}, code=2)
    assert "bash, zsh, fish" in refused.stderr


@pytest.mark.parametrize(
    ("shell", "place"),
    [
        ("bash", ".local/share/bash-completion/completions/confjob"),
        ("fish", ".config/fish/completions/confjob.fish"),
        ("zsh", ".local/share/zsh/site-functions/_confjob"),
    ],
)
def test_it_is_installed_where_the_shell_looks_and_rc_files_are_left_alone(folder, home, shell, place):
    folder_, environ = home
    # Without a zsh to ask, no folder of its is known.
    environ = {**environ, "PATH": os.devnull}
    (folder_ / ".bashrc").write_text("# mine\n")
    told = folder.confjob("completion", shell, "--install", env=environ)
    assert (folder_ / place).read_text() == script(shell)
    assert f"wrote {folder_ / place}" in told.stdout
    assert [path.name for path in folder_.glob(".*rc")] == [".bashrc"]
    assert (folder_ / ".bashrc").read_text() == "# mine\n"
    if shell == "zsh":
        assert "compinit" in told.stdout


def test_an_unwritable_place_is_a_refusal(folder, home):
    place, environ = home
    (place / ".config").write_text("a file")
    refused = folder.confjob("completion", "fish", "--install", env=environ, code=1)
    assert "confjob completion fish prints the script" in refused.stderr
