"""`@job` marks a function and leaves it as it was."""

import json
import subprocess
import sys

import pytest

from confjob.job.decorators import job


def test_a_bare_decorator_gives_the_function_itself():
    def train(lr=0.1):
        return lr

    assert job(train) is train
    assert train(lr=0.5) == 0.5
    assert train.__confjob__ == {}


def test_a_decorator_with_arguments_gives_the_function_itself_with_what_was_said():
    @job("digits", exclude=["data"], resources={"gpus": 1})
    def train(lr=0.1):
        return lr

    assert train() == 0.1
    assert train.__confjob__ == {"name": "digits", "exclude": ["data"], "resources": {"gpus": 1}}


def test_an_unknown_option_is_refused_with_the_known_ones():
    with pytest.raises(TypeError, match=r"no option 'inclde'.*include"):
        job(inclde=["a"])


def test_the_package_is_also_the_decorator():
    """Importing anything below `confjob.job` makes `confjob.job` the package."""
    import confjob.job as package

    @package
    def train():
        return 1

    @package(name="other")
    def other():
        return 2

    assert (train(), other(), other.__confjob__) == (1, 2, {"name": "other"})


def test_the_jobs_side_loads_nothing_but_the_standard_library():
    code = (
        "import json, sys; import confjob.job.runtime, confjob.job.decorators;"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)"
        " - {'confjob', '__main__'})))"
    )
    out = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    ).stdout
    loaded = [name for name in json.loads(out) if not name.startswith(("_", "sitecustomize", "__editable__"))]
    assert loaded == []
