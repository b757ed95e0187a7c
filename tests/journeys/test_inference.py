"""What a folder of configs tells of one of them, as a person sees it."""

import pytest

SMALL = "lr: 2e-5\ndropout: 0\nseed:\nbf16: true\nsteps: 100\ntag: '2e-5'\nname: a\n"
LARGE = "lr: 1e-5\ndropout: 0.1\nseed: 42\nbf16: auto\nsteps: 5000\ntag: 'x'\nname: b\n"
MANIFEST = (
    '[jobs.train]\ncommand = ["cat", "{c}"]\n[[jobs.train.files]]\nname = "c"\npath = "configs/small.yaml"\n'
)


@pytest.fixture
def trained(project):
    return project.write({"launch.toml": MANIFEST, "configs/small.yaml": SMALL, "configs/large.yaml": LARGE})


def types(project):
    return {each["path"]: each["type"] for each in project.json("show", "train")["inputs"]}


def test_siblings_tell_what_a_value_alone_can_t(trained):
    assert types(trained) == {
        "lr": "float",
        "dropout": "float",
        "seed": "int | null",
        "bf16": "bool | str",
        "steps": "int",
        "tag": "str",
        "name": "str",
    }
    for good in ("bf16=auto", "bf16=false", "seed=7", "seed=null", "lr=1e-3", "dropout=0.25"):
        trained.confjob("plan", "train", "--set", good)
    wrong = ["bf16=banana", "seed=x", "lr=many", "steps=1.5", "steps=null"]
    sets = [word for each in wrong for word in ("--set", each)]
    refused = trained.json("plan", "train", *sets, code=1)["problems"]
    assert sorted(problem["path"] for problem in refused) == ["bf16", "lr", "seed", "steps", "steps"]


def test_a_stranger_in_the_folder_is_no_sibling(trained):
    trained.write({"configs/large.yaml": "lr: fast\nother: 1\nmore: 2\nand: 3\nmore2: 4\n"})
    assert types(trained)["lr"] == "float"
    trained.write({"configs/broken.yaml": "{", "configs/list.yaml": "[1]"})
    assert types(trained)["seed"] == "null"


def test_choices_are_siblings_wherever_they_lie(trained):
    table = MANIFEST + 'choices = "other/*.yaml"\n'
    trained.write({"launch.toml": table, "other/one.yaml": "steps: 0.5\n"})
    assert types(trained)["steps"] == "float"
    assert types(trained)["seed"] == "null"


def test_each_type_comes_with_what_it_rests_on(trained):
    inputs = {each["path"]: each for each in trained.json("show", "train")["inputs"]}
    assert inputs["seed"]["evidence"] == "siblings: configs/large.yaml:3 has 42"
    assert (inputs["seed"]["typed_by"], inputs["seed"]["confidence"]) == ("siblings", "medium")
    assert inputs["steps"]["confidence"] == "high"
    (trained.root / "configs/large.yaml").unlink()
    alone = {each["path"]: each for each in trained.json("show", "train")["inputs"]}
    assert {path: each["confidence"] for path, each in alone.items()} == {
        "lr": "medium",
        "dropout": "medium",
        "seed": "low",
        "bf16": "medium",
        "steps": "medium",
        "tag": "medium",
        "name": "medium",
    }
    assert "happens to be whole" in alone["dropout"]["evidence"]
    assert "null says nothing of the type" in trained.confjob("show", "train", "--why").stdout


def test_a_refusal_says_how_a_wider_type_is_declared_and_that_works(trained):
    refused = trained.json("plan", "train", "--set", "steps=all", code=1)["problems"][0]
    declared = refused["hint"].partition("launch.toml: ")[2]
    assert declared == 'schema.properties.steps.type = ["integer", "string"]'
    trained.write({"launch.toml": f"{MANIFEST}{declared}\n"})
    plan = trained.json("plan", "train", "--set", "steps=all")
    assert plan["changes"][0]["after"] == "all"
