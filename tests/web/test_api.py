import json
import time

import pytest

from confjob.model import State
from confjob.web.jsontext import StrictResponse

MANIFEST = """\
[jobs.train]
command = ["python", "train.py"]
description = "Trains"
[[jobs.train.files]]
path = "config.yaml"
schema.properties.lr = { type = "number", exclusiveMinimum = 0 }

[jobs.fail]
command = ["false"]

[jobs.long]
command = ["sleep", "60"]
"""
FILES = {
    "launch.toml": MANIFEST,
    "config.yaml": "lr: 0.1  # step\nname: a\nbest: .inf\n",
    "train.py": "print('hello', open('config.yaml').read().split()[1])\n",
}


@pytest.fixture
def declared(project):
    return project.write(FILES)


@pytest.fixture
def api(visit, declared):
    return visit(declared.root)


def ended(api, run, seconds=60):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        known = api.get(f"/api/runs/{run}").json()
        if State(known["state"]).final:
            break
        time.sleep(0.05)
    return known


# The same shapes as --json


@pytest.mark.parametrize(
    ("address", "verb"),
    [
        ("/api/jobs", ["jobs"]),
        ("/api/jobs/train", ["show", "train"]),
        ("/api/jobs/train.py", ["show", "train.py"]),
        ("/api/jobs/train/schema", ["show", "train", "--json-schema"]),
        ("/api/runs", ["runs"]),
        ("/api/queue", ["queue"]),
    ],
)
def test_what_is_told_is_what_the_verb_prints_as_json(api, declared, address, verb):
    answer = api.get(address)
    assert answer.status_code == 200
    assert answer.json() == declared.json(*verb)


def test_a_plan_is_what_the_verb_prints(api, declared):
    told = api.post("/api/jobs/train/plan", json={"set": ["lr=0.5"]}).json()
    assert told == declared.json("plan", "train", "--set", "lr=0.5")
    assert told["changes"][0]["after"] == 0.5


def test_a_launch_runs_and_is_told_of_as_the_verbs_do(api, declared):
    asked = {"set": ["lr=0.5"], "name": "n", "tags": ["a", "b"], "note": "why", "priority": "low"}
    answer = api.post("/api/jobs/train/launch", json=asked)
    assert answer.status_code == 201
    launched = answer.json()
    assert launched == {"id": launched["id"], "job": "train", "target": "local", "state": "QUEUED"}
    known = ended(api, launched["id"])
    assert known == declared.json("status", launched["id"])
    assert (known["state"], known["name"], known["tags"], known["note"]) == (
        "SUCCEEDED",
        "n",
        ["a", "b"],
        "why",
    )
    assert api.get(f"/api/runs/{launched['id']}/log").text == "hello 0.5\n"
    assert api.get("/api/runs").json() == declared.json("runs")


def test_a_retry_and_a_cancel_are_told_as_the_verbs_do(api, declared):
    failed = declared.launch("fail")["id"]
    assert api.post(f"/api/runs/{failed}/retry").json() == [{"id": failed, "attempt": 2, "state": "QUEUED"}]
    assert ended(api, failed)["attempts"] == 2
    run = api.post("/api/jobs/long/launch").json()["id"]
    [end] = api.post(f"/api/runs/{run}/cancel").json()
    assert end.keys() == {"id", "state", "reason"}
    assert end["id"] == run
    assert ended(api, run)["state"] == "CANCELLED"


def test_a_refusal_is_what_the_verb_prints(api, declared):
    answer = api.post("/api/jobs/train/plan", json={"set": ["lr=-1", "nmae=b"]})
    assert answer.status_code == 422
    assert answer.json() == declared.json("plan", "train", "--set", "lr=-1", "--set", "nmae=b", code=1)
    assert len(answer.json()["problems"]) == 2


def test_runs_are_chosen_as_the_verb_chooses_them(api, declared):
    declared.launch("train", "--tag", "a", "--name", "x")
    declared.launch("fail", "--tag", "b")
    for query, options in [
        ("job=train", ["--job", "train"]),
        ("state=failed", ["--state", "failed"]),
        ("state=failed&state=succeeded", ["--state", "failed", "--state", "succeeded"]),
        ("tag=a", ["--tag", "a"]),
        ("tag=a&tag=b", ["--tag", "a", "--tag", "b"]),
        ("name=x", ["--name", "x"]),
        ("older_than=1h", ["--older-than", "1h"]),
        ("larger_than=1", ["--larger-than", "1"]),
        ("limit=1", ["--limit", "1"]),
    ]:
        assert api.get(f"/api/runs?{query}").json() == declared.json("runs", *options), query


def test_inputs_are_laid_out_as_in_a_file_of_them(api):
    told = api.post(
        "/api/jobs/train/plan", json={"inputs": {"config.yaml": {"lr": 0.25, "name": "b"}}}
    ).json()
    assert {change["path"]: change["after"] for change in told["changes"]} == {"lr": 0.25, "name": "b"}
    assert {change["origin"] for change in told["changes"]} == {"the API"}


def test_the_last_lines_of_a_log_may_be_asked_for(api, declared):
    run = declared.launch("train")["id"]
    log = api.get(f"/api/runs/{run}/log?lines=1")
    assert log.text == "hello 0.1\n"
    assert log.headers["content-type"].startswith("text/plain")
    assert log.headers["x-content-type-options"] == "nosniff"
    assert api.get(f"/api/runs/{run}/log?lines=0").text == ""


def test_what_json_cannot_say_is_told_as_yaml_spells_it(api):
    inputs = json.loads(api.get("/api/jobs/train").text, parse_constant=pytest.fail)["inputs"]
    assert [each["value"] for each in inputs if each["path"] == "best"] == [".inf"]
    assert json.loads(StrictResponse({"a": float("nan"), "b": "\ud800"}).body) == {"a": ".nan", "b": "\ud800"}


def test_a_secret_is_told_nowhere(visit, project):
    secret = "schema.properties.api_key = { writeOnly = true }\n\n[jobs.fail]"
    project.write({**FILES, "launch.toml": MANIFEST.replace("\n[jobs.fail]", secret)})
    project.write({"config.yaml": "lr: 0.1\napi_key: s3cret\n"})
    api = visit(project.root)
    told = [
        api.get("/api/jobs/train").text,
        api.get("/api/jobs/train/schema").text,
        api.post("/api/jobs/train/plan", json={"set": ["api_key=0therS3cret"]}).text,
    ]
    run = api.post("/api/jobs/train/launch", json={"set": ["api_key=0therS3cret"]}).json()["id"]
    told += [api.get(f"/api/runs/{run}").text, api.get("/api/runs").text]
    assert not [text for text in told if "s3cret" in text.lower()]
    assert [text for text in told if "api_key" in text]


# What is refused


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", "/api/jobs/tarin", 404),
        ("GET", "/api/jobs/tarin/schema", 404),
        ("POST", "/api/jobs/tarin/plan", 404),
        ("POST", "/api/jobs/tarin/launch", 404),
        ("GET", "/api/runs/nope", 404),
        ("GET", "/api/runs/nope/log", 404),
        ("POST", "/api/runs/nope/cancel", 404),
        ("POST", "/api/runs/nope/retry", 404),
        ("GET", "/api/nope", 404),
        ("POST", "/api/jobs", 405),
        ("GET", "/api/jobs/train/launch", 404),
        ("DELETE", "/api/runs/nope", 405),
        ("GET", "/api/runs?limit=0", 422),
        ("GET", "/api/runs?limit=x", 422),
        ("GET", "/api/runs?state=nope", 422),
        ("GET", "/api/runs?older_than=soon", 422),
        ("GET", "/api/runs?larger_than=" + "9" * 400 + "TiB", 422),
        ("GET", "/api/runs?unknown=1", 422),
        ("GET", "/api/runs?job=a&job=b", 422),
        ("GET", "/api/jobs/train?target=nope", 422),
        ("GET", "/api/jobs/train?file=nope", 422),
    ],
)
def test_every_refusal_is_json_with_a_message_and_a_problem(api, method, address, status):
    answer = api.request(method, address)
    assert answer.status_code == status, answer.text
    told = answer.json()
    assert told["error"]
    assert told["problems"][0]["message"]
    assert (answer.headers.get("allow") is not None) == (status == 405)


def test_what_a_run_is_not_ready_for_is_a_conflict(api, declared):
    run = declared.launch("train")["id"]
    answer = api.post(f"/api/runs/{run}/retry")
    assert answer.status_code == 409
    assert "has succeeded" in answer.json()["problems"][0]["message"]
    other = declared.launch("train")["id"]
    shared = next((run[:n] for n in range(len(run), 0, -1) if other.startswith(run[:n])), "")
    assert not shared or api.get(f"/api/runs/{shared}").status_code == 409


@pytest.mark.parametrize(
    ("content", "media", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b'{"set": [NaN]}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"{}", "text/plain", 415),
        (b"set=lr%3D1", "application/x-www-form-urlencoded", 415),
        (b"[]", "application/json", 422),
        (b"null", "application/json", 422),
        (b'{"sets": []}', "application/json", 422),
        (b'{"set": "lr=1"}', "application/json", 422),
        (b'{"set": ["lr"]}', "application/json", 422),
        (b'{"priority": "urgent"}', "application/json", 422),
        (b'{"inputs": {"config.yaml": {"lr": 1e999}}}', "application/json", 200),
        (b'{"target": "nope"}', "application/json", 422),
        (b"", "", 200),
        (b"{}", "Application/JSON; charset=utf-8", 200),
    ],
)
def test_a_body_that_is_not_what_is_asked_is_refused_with_its_place(api, content, media, status):
    headers = {"content-type": media} if media else {}
    answer = api.post("/api/jobs/train/plan", content=content, headers=headers)
    assert answer.status_code == status, answer.text
    if status == 422:
        assert answer.json()["problems"]


def test_deep_nesting_is_no_fault(api):
    deep = "[" * 900 + "]" * 900
    answer = api.post(
        "/api/jobs/train/plan",
        content=f'{{"inputs": {{"config.yaml": {{"name": {deep}}}}}}}',
        headers={"content-type": "application/json"},
    )
    assert answer.status_code in (400, 422)


def test_nothing_is_launched_by_a_refused_request(api, declared):
    for body in ({"set": ["lr=-1"]}, {"set": ["nope=1"]}, {"target": "nope"}, {"unknown": 1}):
        assert api.post("/api/jobs/train/launch", json=body).status_code == 422
    assert declared.runs() == []


def test_a_read_only_site_plans_and_launches_nothing(visit, declared):
    api = visit(declared.root, read_only=True)
    assert api.post("/api/jobs/train/plan", json={"set": ["lr=1"]}).status_code == 200
    answer = api.post("/api/jobs/train/launch")
    assert answer.status_code == 403
    assert "read-only" in answer.json()["error"]
    assert declared.runs() == []


def test_a_wrong_manifest_is_told_with_every_place(visit, project):
    project.write({"launch.toml": '[jobs.a]\ncomand = ["x"]\n'})
    answer = visit(project.root).get("/api/jobs")
    assert answer.status_code == 422
    assert answer.json() == project.json("jobs", code=1)
