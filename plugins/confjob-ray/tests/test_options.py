"""What a target says is refused where it can't be right, with what would be."""

import pytest
from confjob_ray import RAY, RayOptions

from confjob.declare.structure import structure_value
from confjob.errors import ManifestError
from confjob.testing import check_light


def refusal(**options) -> str:
    table = {key.replace("_", "-"): value for key, value in options.items()}
    with pytest.raises(ManifestError) as refused:
        structure_value(table, RayOptions, "targets.cluster")
    return "; ".join(f"{problem.message} {problem.hint}" for problem in refused.value.problems)


@pytest.mark.parametrize(
    "address",
    ["", "ray-head:8265", "ftp://x", "http://", "http://a b", "http://h:99999", "http://h\n", "http://h/?q"],
)
def test_an_address_is_that_of_a_dashboard(address) -> None:
    assert "http://HOST:8265" in refusal(address=address)


def test_no_password_stands_in_an_address() -> None:
    assert "headers-file" in refusal(address="http://me:secret@host:8265")


@pytest.mark.parametrize("state", ["", "relative", "/", "/a/../b", "/a\nb", "/a\0"])
def test_the_state_folder_there_is_an_absolute_path(state) -> None:
    assert "absolute path" in refusal(state=state)


def test_a_misspelt_name_is_refused_with_a_suggestion() -> None:
    assert "'pip'" in refusal(runtime_env={"pipp": []})
    assert "address" in refusal(adress="http://h")


def test_the_working_folder_is_not_the_targets_to_say() -> None:
    assert "the run's files" in refusal(runtime_env={"working_dir": "."})


@pytest.mark.parametrize("name", ["grace", "sync", "outputs_limit", "timeout"])
def test_nothing_is_negative(name) -> None:
    assert "never negative" in refusal(**{name: -1})


def test_packed_jobs_see_another_state_folder_and_shared_ones_do_not() -> None:
    elsewhere = RAY.elsewhere(RayOptions(state="/data/confjob", python="/opt/python"))
    assert (str(elsewhere.state), elsewhere.python) == ("/data/confjob", "/opt/python")
    assert RAY.elsewhere(RayOptions(files="shared")) is None


def test_the_environment_names_no_cluster(monkeypatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "http://elsewhere:1")
    assert RayOptions().address == "http://127.0.0.1:8265"


def test_importing_it_is_cheap_and_does_nothing() -> None:
    check_light("confjob_ray")
