import pytest

from confjob.declare.environs import ENVIRONMENT, RESOURCES, environs, faults
from confjob.form import Typing
from confjob.keypath import KeyPath
from confjob.model import Node
from confjob.validation import Validator, check_schema


def nodes(table):
    return {
        KeyPath(): Node(value=table),
        **{KeyPath((key,)): Node(value=value) for key, value in table.items()},
    }


def told(resources=None, env=None):
    both = environs(nodes(resources or {}), nodes(env or {}))
    return {str(path) for spec in both for path, _ in faults(spec)}


def test_every_wrong_amount_is_told_at_once():
    wrong = {"cpus": -1, "memory": "lots", "gpus": 1.5, "nodes": 0, "time": "soon", "cpu": 1}
    assert told(wrong) == set(wrong)
    assert told({"cpus": float("nan"), "memory": -5}) == {"cpus", "memory"}
    assert told({"memory": True, "time": []}) == {"memory", "time"}


def test_amounts_that_can_be_read_are_no_fault():
    good = {"cpus": 0.5, "memory": "1.5GiB", "gpus": 0, "nodes": 2, "time": "1d12h"}
    assert told(good, {"HF_HUB_OFFLINE": "1"}) == set()


@pytest.mark.parametrize("name", ["A-B", "1A", "", "A B", "é", "A-KEY", "1_TOKEN", "A=B", "TOKEN-"])
def test_a_name_that_is_no_identifier_is_no_variable(name):
    assert not Validator(ENVIRONMENT).is_valid({name: "x"})


def test_a_variable_is_text_without_a_nul():
    assert told(env={"A": 1, "B": "x\0y", "C": "x\ny"}) == {"A", "B"}


@pytest.mark.parametrize(
    "name", ["HF_TOKEN", "WANDB_API_KEY", "TOKEN", "AWS_SECRET_ACCESS_KEY", "db_password"]
)
def test_a_variable_that_sounds_secret_is_secret(name):
    assert Typing(author=ENVIRONMENT).calls_secret(KeyPath((name,)))
    assert Validator(ENVIRONMENT).is_valid({name: "x"})


@pytest.mark.parametrize("name", ["TOKENIZERS_PARALLELISM", "KEYBOARD", "MAX_TOKENS", "HF_HUB_OFFLINE"])
def test_another_is_not(name):
    assert not Typing(author=ENVIRONMENT).calls_secret(KeyPath((name,)))


def test_the_schemas_are_sound():
    assert check_schema(RESOURCES) == check_schema(ENVIRONMENT) == []
