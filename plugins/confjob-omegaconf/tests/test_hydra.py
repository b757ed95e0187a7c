"""A Hydra app's inputs, as a user sees and changes them; Hydra itself answers."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from confjob.plugin import tree

APP = """
import hydra, json
from omegaconf import OmegaConf

@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(config):
    print("CONFIG " + json.dumps(OmegaConf.to_container(config)))

if __name__ == "__main__":
    main()
"""
MANIFEST = """
[jobs.train]
command = ["python", "app.py"]

[[jobs.train.files]]
name = "config"
path = "conf/config.yaml"
format = "hydra"
"""


def small(project, config, **groups):
    """Write an app with a primary config and group files (`db__mysql` is db/mysql.yaml)."""
    files = {f"conf/{name.replace('__', '/')}.yaml": text for name, text in groups.items()}
    return project.write({"app.py": APP, "launch.toml": MANIFEST, "conf/config.yaml": config, **files})


def seen(output):
    """Return the config that the app itself printed."""
    lines = [line for line in output.splitlines() if line.startswith("CONFIG ")]
    return json.loads(lines[-1].removeprefix("CONFIG "))


def test_inputs_are_the_composed_config_with_the_file_of_each_value(app):
    inputs = app.inputs()
    assert inputs["db.user"]["value"] == "root"
    assert inputs["db.user"]["where"] == "conf/db/mysql.yaml:4:7"
    assert inputs["optimizer.lr"]["value"] == 0.001
    assert inputs["optimizer.lr"]["where"].startswith("conf/optimizer/adam.yaml:")
    assert inputs["steps"]["where"].startswith("conf/config.yaml:")


def test_config_groups_are_inputs_with_their_options(app):
    inputs = app.inputs()
    assert inputs["defaults.db"]["value"] == "mysql"
    assert {"mysql", "postgresql"} <= set(inputs["defaults.db"]["schema"]["enum"])
    assert inputs["defaults.optimizer"]["schema"]["enum"] == ["adam", "sgd", None]


def test_structured_configs_give_the_types(app):
    inputs = app.inputs()
    assert inputs["db.port"]["type"] == "int"
    assert inputs["notes"]["type"] == "str | null"
    assert app.problems("plan", "train", "--set", "db.port=abc")[0]["path"] == "db.port"
    [problem] = app.problems("plan", "train", "--set", "+db.prot=1")
    assert problem["path"] == "db.prot"


STRUCTURED = """
from dataclasses import dataclass, field
from enum import Enum
from typing import Dict, List, Optional
from hydra.core.config_store import ConfigStore
from omegaconf import MISSING

class Colour(Enum):
    RED = 1
    BLUE = 2

@dataclass
class Inner:
    x: float = 1.0

@dataclass
class Config:
    colour: Colour = Colour.RED
    rate: float = MISSING
    floats: List[float] = field(default_factory=list)
    table: Dict[str, float] = field(default_factory=dict)
    maybe: Optional[float] = None
    inner: Inner = field(default_factory=Inner)
    twice: float = 1.0

ConfigStore.instance().store(name="base", node=Config)
"""


def test_values_take_the_types_that_the_classes_say(project):
    """Whole numbers arrive as floats where a float is meant, as Hydra itself would make them."""
    small(project, "defaults: [base, _self_]\ntwice: ${inner.x}\n")
    project.write(
        {"app.py": STRUCTURED + APP.replace("to_container(config)", "to_container(config, enum_to_str=True)")}
    )
    inputs = project.inputs()
    assert inputs["colour"]["schema"] == {"enum": ["RED", "BLUE"]}
    assert inputs["rate"]["required"] is True
    sets = ["colour=BLUE", "rate=5", "floats=[1, 2]", "+table.a=1", "maybe=3.0", "inner.x=4"]
    found = seen(project.printed(*(word for text in sets for word in ("--set", text))))
    expected = {"colour": "BLUE", "rate": 5.0, "floats": [1.0, 2.0], "table": {"a": 1.0}, "maybe": 3.0}
    assert json.dumps(found) == json.dumps({**expected, "inner": {"x": 4.0}, "twice": "${inner.x}"})
    problems = project.problems(
        "plan", "train", "--set", "colour=GREEN", "--set", "rate=x", "--set", "+inner.y=1"
    )
    assert {problem["path"] for problem in problems} == {"colour", "rate", "inner.y"}
    [problem] = project.problems("plan", "train", "--set", "rate=1", "--set", "maybe=3")
    assert problem["hint"] == "say so: --set maybe=3.0"


def test_journey_overrides_and_another_option_reach_the_app(app):
    """The app's own print, references resolved, holds the new values."""
    text = app.printed(
        "--set", "defaults.db=postgresql", "--set", "db.timeout=33", "--set", "name=tuesday",
        "--set", "steps=7", "--set", "layers[1]=16", "--set", "+optimizer.eps=1e-8", "--set", "dropout=1",
    )  # fmt: skip
    for line in (
        "driver: postgresql",
        "timeout: 33",
        "user: postgres",
        "name: tuesday",
        "output: results/tuesday",
    ):
        assert line in text
    for line in ("steps: 7", "- 64\n- 16", "eps: 1.0e-08", "dropout: 1.0"):
        assert line in text
    assert "password_file" not in text


def test_the_projects_files_stay_as_they_are(app):
    before = {path: path.read_bytes() for path in app.root.rglob("*.yaml")}
    plan = app.json("plan", "train", "--set", "defaults.db=postgresql", "--set", "steps=7")
    assert plan["command"][-2:] == ["db=postgresql", "steps=7"]
    assert plan["files"] == {}
    assert {path: path.read_bytes() for path in app.root.rglob("*.yaml")} == before


def test_a_key_of_the_option_that_was_left_is_no_input(app):
    problems = app.problems("plan", "train", "--set", "defaults.db=postgresql", "--set", "db.password_file=x")
    assert [problem["path"] for problem in problems] == ["db.password_file"]


def test_an_unknown_option_lists_the_options(app):
    [problem] = app.problems("plan", "train", "--set", "defaults.db=postgrsql")
    assert "mysql" in problem["message"]
    assert "postgresql" in problem["message"]
    assert "did you mean 'postgresql'" in problem["hint"]


def test_an_unknown_key_is_refused_with_the_nearest(app):
    [problem] = app.problems("plan", "train", "--set", "stps=3")
    assert "'steps'" in problem["hint"]


TEXTS = ["it's", 'a "b"', "a=b,c", "x,y", "{a: 1}", "[1]", "{run-config:seed}", "{{a}}", "1e3", "null", " ", "",
         "back\\slash", "é ☃", "#", "two\nlines", "~", "@", "$HOME", "\\'", "-x", "choice(1,2)"]  # fmt: skip


def test_every_text_arrives_exactly(project):
    """Quotes, commas, equals signs and what either grammar could take for its own."""
    small(project, "".join(f"t{number}: text\n" for number in range(len(TEXTS))))
    project.write({"sets.json": json.dumps({f"t{number}": text for number, text in enumerate(TEXTS)})})
    found = seen(project.printed("--inputs", "sets.json"))
    assert [found[f"t{number}"] for number in range(len(TEXTS))] == TEXTS


def test_every_kind_of_value_arrives_with_its_type(project):
    small(project, "i: 1\nf: 0.5\nb: true\nn: null\nl: [1]\nd: {x: 1, y: 2}\ngone: 1\nm:\n- {a: 1, b: [2]}\n")
    sets = [
        "i=12345678901234567890",
        "f=1e-30",
        "b=false",
        "n=[a, {b: c}]",
        "l=[]",
        "+d.z='2'",
        "d.y-",
        "gone-",
    ]
    sets += ["m[0].b[0]=3", "+new={p: {q: [1.0, null]}}"]
    found = seen(project.printed(*(word for text in sets for word in ("--set", text))))
    assert found == {
        "i": 12345678901234567890, "f": 1e-30, "b": False, "n": ["a", {"b": "c"}], "l": [], "d": {"x": 1, "z": "2"},
        "m": [{"a": 1, "b": [3]}], "new": {"p": {"q": [1.0, None]}},
    }  # fmt: skip
    assert type(found["new"]["p"]["q"][0]) is float


_TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="$", exclude_categories=["Cc", "Cs"]), max_size=6
)
_VALUE = st.recursive(
    st.one_of(st.integers(-(10**12), 10**12), st.floats(allow_nan=False), st.booleans(), _TEXT),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_TEXT, min_size=25, max_size=25), st.lists(_VALUE, min_size=25, max_size=25))
def test_any_values_arrive_with_their_types(project, texts, values):
    """Fifty at a time: what the app composes is what was asked, in value and in type."""
    small(project, "".join(f"t{n}: x\nv{n}: null\n" for n in range(25)))
    asked = {f"t{n}": text for n, text in enumerate(texts)} | {
        f"v{n}": value for n, value in enumerate(values)
    }
    (project.root / "asked.json").write_text(json.dumps({"conf/config.yaml": asked}))
    found = seen(project.printed("--inputs", "asked.json"))
    assert tree.same(found, asked)


def test_a_key_that_no_override_can_name_is_said_in_its_mapping_or_refused(project):
    small(project, "d: {a.b: 1, x y: 2}\né: 1\n")
    assert seen(project.printed("--set", r"d.a\.b=5", "--set", "d.x y=6"))["d"] == {"a.b": 5, "x y": 6}
    [problem] = project.problems("plan", "train", "--set", "é=2")
    assert problem["path"] == "é"
    assert "can't say" in problem["message"]


def test_a_group_that_the_defaults_do_not_choose_can_be_chosen(project):
    small(project, "defaults: [_self_]\nlr: 1\n", opt__adam="eps: 1\n", opt__sgd="nesterov: true\n")
    assert project.inputs()["defaults.opt"]["value"] is None
    plan = project.json("plan", "train", "--set", "defaults.opt=sgd", "--set", "opt.nesterov=false")
    assert plan["command"][2:] == ["+opt=sgd", "opt.nesterov=false"]
    assert seen(project.printed("--set", "defaults.opt=sgd"))["opt"] == {"nesterov": True}


def test_a_group_can_be_left_out(project):
    small(project, "defaults: [_self_, db: a]\nlr: 1\n", db__a="x: 1\n")
    assert seen(project.printed("--set", "defaults.db=null")) == {"lr": 1}
    [problem] = project.problems("plan", "train", "--set", "defaults.db-")
    assert "defaults.db=null" in problem["hint"]
    [problem] = project.problems("plan", "train", "--set", "db-")
    assert "config group" in problem["message"]


def test_overrides_that_the_command_has_are_part_of_the_config(project):
    small(project, "lr: 1\nsteps: 2\n")
    manifest = MANIFEST.replace('"app.py"', '"app.py", "lr=5", "--config-name", "config"')
    project.write({"launch.toml": manifest})
    assert project.inputs()["lr"]["value"] == 5
    plan = project.json("plan", "train", "--set", "steps=3")
    assert plan["command"][2:] == ["lr=5", "steps=3", "--config-name", "config"]
    assert seen(project.printed("--set", "lr=6")) == {"lr": 6, "steps": 2}


def test_a_missing_value_must_be_set(project):
    small(project, "n: ???\nlr: 1\n")
    assert project.inputs()["n"]["required"] is True
    [problem] = project.problems("launch", "train", "--set", "lr=2")
    assert problem["path"] == "n"
    assert "must be set" in problem["message"]
    assert seen(project.printed("--set", "n=3")) == {"n": 3, "lr": 1}


def test_a_secret_stands_on_no_command_line(project):
    small(project, "token: x\n")
    project.write({"launch.toml": MANIFEST + "schema = { properties = { token = { writeOnly = true } } }\n"})
    [problem] = project.problems("plan", "train", "--set", "token=hunter2")
    assert "secret" in problem["message"]
    assert "hunter2" not in json.dumps(problem)


def test_what_hydra_refuses_is_told_in_its_words(project):
    small(project, "defaults: [db: nope]\n", db__a="x: 1\n")
    text = project.told("show", "train", code=1)
    assert "conf/config.yaml" in text
    assert "db/nope" in text


def test_a_new_option_is_seen_at_once(project):
    """Kept answers don't hide what was added since."""
    small(project, "defaults: [db: a]\n", db__a="x: 1\n")
    assert project.inputs()["defaults.db"]["schema"]["enum"] == ["a", None]
    project.write({"conf/db/b.yaml": "y: 1\n"})
    assert project.inputs()["defaults.db"]["schema"]["enum"] == ["a", "b", None]


def test_an_app_that_cannot_be_imported_is_a_warning_and_never_run(project):
    small(project, "lr: 1\n")
    project.write({"other.py": "from hydra.core.config_store import ConfigStore\n", "app.py": "1/0\n" + APP})
    text = project.told("show", "train")
    assert "ZeroDivisionError" in text


def test_importing_an_unguarded_app_does_not_run_it(project):
    unguarded = APP.replace('if __name__ == "__main__":\n    main()', "from pathlib import Path\nmain()")
    body = 'Path("ran").touch()\n    print('
    small(project, "lr: 1\n")
    project.write({"app.py": "# ConfigStore\n" + unguarded.replace("print(", body)})
    assert project.inputs()["lr"]["value"] == 1
    assert not (project.root / "ran").exists()
    project.printed()


def test_the_app_itself_must_compose_the_same(project):
    """A job that names another primary config than the app reads would change what nobody reads."""
    small(project, "lr: 1\n", other="lr: 10\nsteps: 1\n")
    project.write({"launch.toml": MANIFEST.replace("conf/config.yaml", "conf/other.yaml")})
    [problem] = project.problems("plan", "train", "--set", "lr=11")
    assert problem["code"] == "app-differs"
    assert "conf/other.yaml" in problem["hint"]


def test_an_app_that_cannot_be_asked_here_is_a_warning(project):
    small(project, "lr: 1\n")
    project.write({"app.py": "raise RuntimeError('no GPU')\n" + APP})
    plan = project.json("plan", "train", "--set", "lr=11")
    assert any("no GPU" in json.dumps(warning) for warning in plan["warnings"])


def test_a_picked_primary_file_is_composed_and_brought(project):
    small(project, "lr: 1\nsteps: 2\n", other="lr: 10\nsteps: 20\n")
    project.write({"launch.toml": MANIFEST + 'choices = "conf/*.yaml"\n'})
    assert seen(project.printed("--file", "config=conf/other.yaml", "--set", "steps=21")) == {
        "lr": 10,
        "steps": 21,
    }


@pytest.mark.parametrize("layout", ["module", "folder"])
def test_the_search_path_is_the_apps_own(project, layout):
    """The decorator's config_path counts from the script, and a config may lie below it."""
    app = APP.replace('"conf"', '"../conf"').replace('"config"', '"exp/config"')
    manifest = MANIFEST.replace("conf/config.yaml", "conf/exp/config.yaml")
    command = {"module": '"-m", "src.app"', "folder": '"src/app.py"'}[layout]
    files = {"src/app.py": app, "conf/exp/config.yaml": "# @package _global_\ndefaults: [/db: a]\nlr: 1\n"}
    project.write({**files, "conf/db/a.yaml": "x: 1\n", "launch.toml": manifest.replace('"app.py"', command)})
    assert project.inputs()["db.x"]["where"] == "conf/db/a.yaml:1:4"
    if layout == "folder":
        assert seen(project.printed("--set", "db.x=2")) == {"lr": 1, "db": {"x": 2}}


def test_init_writes_the_job(project):
    small(project, "defaults: [_self_]\nlr: 1\n")
    (project.root / "launch.toml").unlink()
    project.told("init")
    text = (project.root / "launch.toml").read_text()
    assert 'format = "hydra"' in text
    assert 'path = "conf/config.yaml"' in text
    assert project.inputs("app")["lr"]["value"] == 1


def test_without_hydra_the_primary_file_is_shown_and_patched(bare):
    small(bare, "defaults: [_self_]\nlr: 1 # rate\n")
    plan = bare.json("plan", "train", "--set", "lr=2")
    assert "+lr: 2 # rate" in plan["files"]["conf/config.yaml"]["diff"]
    assert any("Hydra is not installed" in json.dumps(warning) for warning in plan["warnings"])
