"""The examples, as a newcomer runs them."""

from __future__ import annotations

import json

import pytest

FOUR = {"learning_rate": 0.01, "batch_size": 32, "model": "resnet", "dataset": "cifar10"}


def test_the_seed_lists_exactly_what_is_included(copy_of_example):
    """`trainer` included, `trainer.private` excluded: four inputs, with the types users know."""
    seed = copy_of_example("seed")
    listed = seed.json("show", "train")["inputs"]
    assert [(field["path"], field["type"]) for field in listed] == [
        ("trainer.learning_rate", "float"),
        ("trainer.batch_size", "int"),
        ("trainer.model", "str"),
        ("trainer.dataset", "str"),
    ]
    for text in ("trainer.private.key=x", "seed=1"):
        (problem,) = seed.json("launch", "train", "--set", text, code=1)["problems"]
        assert problem["code"] == "not-an-input"
    assert seed.runs() == []


def test_what_the_filter_hides_still_reaches_the_job(copy_of_example):
    """load_config() gives the whole run config: excluded values with their defaults."""
    seed = copy_of_example("seed")
    run = seed.launch("train", "--set", "trainer.learning_rate=1e-3")
    read = json.loads(seed.output(run["id"]))
    assert read == {"trainer": {**FOUR, "learning_rate": 0.001, "private": {"key": "value"}}, "seed": 42}


@pytest.mark.parametrize(
    ("job", "change", "expected"),
    [
        ("escaped-dot", r"trainer\.lr=0.5", {"trainer.lr": 0.5, "trainer": {"lr": 0.02, "epochs": 3}}),
        ("four-parameters", "batch_size=64", {**FOUR, "batch_size": 64}),
        ("config-file", "model=vit", {**FOUR, "model": "vit"}),
        ("json-schema", "dataset=cifar100", {**FOUR, "dataset": "cifar100"}),
        (
            "pydantic-class",
            "trainer.dataset=cifar100",
            {"seed": 42, "trainer": {**FOUR, "dataset": "cifar100"}},
        ),
        ("pydantic-instance", "trainer.model=vit", {"seed": 42, "trainer": {**FOUR, "model": "vit"}}),
    ],
)
def test_each_form_of_the_seed_works(copy_of_example, job, change, expected):
    """Every example of the page this project started from: changed, launched, read."""
    seed = copy_of_example("seed")
    run = seed.launch(job, "--set", change)
    assert run["state"] == "SUCCEEDED", seed.output(run["id"])
    assert json.loads(seed.output(run["id"])) == expected


@pytest.mark.parametrize(
    ("job", "text", "message"),
    [
        ("json-schema", "learning_rate=-1", "must be greater than 0"),
        ("json-schema", "dataset=cifar11", "cifar100"),
        ("pydantic-class", "trainer.learning_rate=0", "must be greater than 0"),
        ("pydantic-class", "trainer.dataset=cifar11", "cifar100"),
        ("pydantic-instance", "trainer.batch_size=0", "1"),
        ("four-parameters", "batch_size=1.5", "int"),
    ],
)
def test_schemas_of_the_seed_validate(copy_of_example, job, text, message):
    """W&B's schemas describe; these also refuse."""
    seed = copy_of_example("seed")
    (problem,) = seed.json("plan", job, "--set", text, code=1)["problems"]
    assert message in problem["message"]
    assert problem["where"], problem


@pytest.mark.parametrize("job", ["train", "train-fn", "train_fn.py:train"])
def test_the_digits_learn(copy_of_example, job):
    """The main job: a changed learning rate is used, and the model learns."""
    digits = copy_of_example("digits")
    run = digits.launch(job, "--set", "learning_rate=0.05", "--set", "epochs=10")
    assert run["state"] == "SUCCEEDED", digits.output(run["id"])
    with open(f"{run['dir']}/workspace/metrics.json") as file:
        metrics = json.load(file)
    assert metrics["accuracy"] > 0.85
    assert "learning_rate 0.05" in digits.output(run["id"])
