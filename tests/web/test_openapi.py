import re

import hypothesis
import pytest
from hypothesis import HealthCheck, given, settings
from starlette.routing import Route

from confjob.validation import check_schema
from confjob.web.api import routes
from confjob.web.app import create_app
from confjob.web.endpoints import ENDPOINTS, PARAMETERS
from confjob.web.openapi import document
from confjob.web.schemas import ANSWERS
from confjob.web.site import Site

schemathesis = pytest.importorskip(
    "schemathesis", reason="schemathesis is not installed: the test extra has it for Python 3.11 and newer"
)

TOKEN = "t0ken-of-the-tests-of-the-web"
SHOWN = {"Authorization": f"Bearer {TOKEN}", "Host": "127.0.0.1:8765"}
MANIFEST = """\
[jobs.train]
command = ["true"]
[[jobs.train.files]]
path = "config.yaml"
"""


def operations():
    return {
        (method.upper(), path): operation
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    }


def test_every_route_is_described_and_every_description_has_a_route():
    served = {
        (method, route.path.replace(":path}", "}"))
        for route in routes
        if isinstance(route, Route) and route.name != "openapi"
        for method in route.methods - {"HEAD"}
    }
    assert served == set(operations())
    assert len(ENDPOINTS) == len(served)


def test_every_operation_says_what_it_does_takes_and_tells():
    for (method, path), operation in operations().items():
        assert operation["summary"].endswith("."), path
        declared = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
        assert declared == set(re.findall(r"\{(\w+)\}", path)) <= set(PARAMETERS)
        assert {"401", "403", "422"} <= set(operation["responses"]), path
        assert (method == "GET") <= ("requestBody" not in operation)


def test_every_schema_is_one_and_every_reference_leads_somewhere():
    told = document()
    for schema in (
        *ANSWERS.values(),
        *(each.query_schema for each in ENDPOINTS),
        *(e.body for e in ENDPOINTS if e.body),
    ):
        whole = {**schema, "components": told["components"]}
        assert list(check_schema(whole)) == []
    for name in re.findall(r"#/components/schemas/(\w+)", str(told)):
        assert name in told["components"]["schemas"]
    assert {each.returns for each in ENDPOINTS} <= set(ANSWERS)


def test_the_document_is_served_to_those_who_are_let_in(visit, project):
    assert visit(project.root).get("/api/openapi.json").json() == document()
    assert visit(project.root, let_in=False).get("/api/openapi.json").status_code == 401


@pytest.fixture
def described(project):
    """The document, with the application behind it, over a project with a run."""
    project.write({"launch.toml": MANIFEST, "config.yaml": "lr: 0.1\n"})
    run = project.launch("train")["id"]
    app = create_app(Site(directory=project.root, token=TOKEN))
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", app, headers=SHOWN)

    # Else nothing that is asked for would exist.
    @schema.hook
    def map_path_parameters(context, path_parameters):
        known = {"job": "train", "run": run}
        return {
            name: known[name] if len(value) % 2 else value for name, value in (path_parameters or {}).items()
        }

    return schema


#: 422 is also what refuses a request that fits its schema: a path that no input has, say.
_NOT_FOR_US = ["positive_data_acceptance"]


@pytest.mark.parametrize("mode", schemathesis.GenerationMode, ids=lambda mode: mode.value)
@pytest.mark.parametrize(("method", "path"), list(operations()))
def test_whatever_is_asked_is_answered_as_the_document_says(described, method, path, mode):
    operation = described[path][method]
    excluded = [schemathesis.checks.CHECKS.get_one(name) for name in _NOT_FOR_US]

    @settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case):
        case.call_and_validate(headers=SHOWN, excluded_checks=excluded)

    try:
        check()
    except hypothesis.errors.Unsatisfiable:
        assert mode is schemathesis.GenerationMode.NEGATIVE, "what takes nothing can be asked nothing wrong"
