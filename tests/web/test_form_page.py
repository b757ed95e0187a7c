"""The launch form over HTTP, posted as a browser posts it without any script."""

from __future__ import annotations

import json
import re
import shlex
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from confjob.errors import InvalidOverrides
from confjob.form import Override
from confjob.keypath import KeyPath
from confjob.pipeline import Request, make_plan
from confjob.project import Project
from confjob.web.form.composing import Basis, compose
from confjob.web.form.posted import Posted
from confjob.web.form.spelling import yaml_text

MANIFEST = """
[jobs.train]
command = ["python", "train.py"]
description = "Trains <b>well</b>"

[[jobs.train.files]]
path = "config.yaml"
choices = "conf/*.yaml"
schema = "schema.json"
secret = ["token"]
exclude = ["hidden"]

[jobs.train.env]
API_TOKEN = "env-secret"

[jobs.plain.run-config]
defaults = { lr = 2e-5, name = "x", on = true, items = [1, 2], none = "" }

[jobs.plain]
command = ["python", "train.py"]

[targets.cluster]
backend = "local"
variables = { partition = { enum = ["cpu", "gpu"], default = "cpu" } }
"""
SCHEMA = {
    "type": "object",
    "properties": {
        "lr": {
            "type": "number",
            "exclusiveMinimum": 0,
            "title": "Step size",
            "description": "<script>alert(1)</script>",
        },
        "batch": {"type": "integer", "minimum": 1, "maximum": 64, "placeholder": "a power of two"},
        "dataset": {"enum": ["digits", "letters"]},
        "metrics": {"type": "array", "items": {"enum": ["acc", "f1", "loss"]}, "uniqueItems": True},
        "limit": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "precision": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
        "stages": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
        "model": {"type": "object", "properties": {"depth": {"type": "integer", "minimum": 1}}},
        "absent": {"type": "integer", "minimum": 5},
        "token": {"type": "string"},
    },
}
CONFIG = """# a comment
lr: 2e-5  # step
batch: 8
dataset: digits
metrics: [acc, f1]
limit: null
precision: "16"
stages:
  - name: one  # first
  - name: two
model: {depth: 3}
token: hunter2
hidden: 1
"<b>": '"><img src=x onerror=alert(1)>'
"""


class _Controls(HTMLParser):
    """Gathers what a browser would post of a page's form."""

    def __init__(self) -> None:
        super().__init__()
        self.pairs: list[tuple[str, str]] = []
        self._select: str | None = None
        self._options: list[tuple[str, bool]] = []
        self._area: str | None = None

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag == "input" and found.get("name"):
            ticked = found.get("type") not in ("radio", "checkbox") or "checked" in found
            self.pairs += [(found["name"], found.get("value") or "")] if ticked else []
        elif tag == "select" and found.get("name"):
            self._select, self._options = found["name"], []
        elif tag == "option" and self._select is not None:
            self._options.append((found.get("value") or "", "selected" in found))
        elif tag == "textarea":
            self._area = found["name"]
            self.pairs.append((self._area, ""))

    def handle_endtag(self, tag):
        if tag == "select" and self._select is not None:
            chosen = [value for value, selected in self._options if selected] or [self._options[0][0]]
            self.pairs.append((self._select, chosen[0]))
            self._select = None
        elif tag == "textarea":
            name, text = self.pairs[-1]
            self.pairs[-1] = (name, text.removeprefix("\n").replace("\n", "\r\n"))
            self._area = None

    def handle_data(self, data):
        if self._area is not None:
            name, text = self.pairs[-1]
            self.pairs[-1] = (name, text + data)


def controls(page: str) -> list[tuple[str, str]]:
    parser = _Controls()
    parser.feed(page)
    return parser.pairs


def typed(pairs, **changes):
    """The controls with other texts; a name is written `batch` for `v/config.yaml/batch`."""
    wanted = {
        key
        if "/" in key or key in ("name", "tags", "target", "extra", "pasted")
        else f"v/config.yaml/{key}": value
        for key, value in changes.items()
    }
    kept = [(name, value) for name, value in pairs if name not in wanted]
    new = [
        (name, one)
        for name, value in wanted.items()
        for one in (value if isinstance(value, list) else [value])
    ]
    return [*kept, *new]


def encoded(pairs) -> dict:
    from urllib.parse import urlencode

    return {"content": urlencode(pairs), "headers": {"Content-Type": "application/x-www-form-urlencoded"}}


@pytest.fixture
def site(project, visit):
    project.write(
        {
            "launch.toml": MANIFEST,
            "schema.json": json.dumps(SCHEMA),
            "config.yaml": CONFIG,
            "conf/large.yaml": CONFIG.replace("batch: 8", "batch: 64"),
            "train.py": "print(open('config.yaml').read())\n",
        }
    )
    return project, visit(project.root)


def open_form(browser, job="train"):
    answer = browser.get(f"/jobs/{job}")
    assert answer.status_code == 200
    return controls(answer.text)


def previewed(browser, pairs, job="train"):
    answer = browser.post(f"/jobs/{job}/preview", **encoded(pairs))
    assert answer.status_code == 200
    return answer.text


def asked(page: str) -> list[str]:
    """The words of the command line that a preview shows."""
    from html import unescape

    text = unescape(re.search(r'id="command-line"[^>]*>(.*?)</pre>', page, re.DOTALL)[1])
    return shlex.split(text.replace("\\\n", " "))


@pytest.mark.parametrize("job", ["train", "plain"])
def test_a_page_that_nobody_touched_asks_for_nothing(site, job):
    _, browser = site
    page = previewed(browser, open_form(browser, job), job)
    assert "No changes" in page
    assert asked(page) == ["confjob", "launch", job]


def test_only_what_was_changed_is_asked_for(site):
    _, browser = site
    pairs = typed(open_form(browser), batch="16")
    assert asked(previewed(browser, pairs)) == ["confjob", "launch", "train", "--set", "config.yaml:batch=16"]


def test_a_file_that_changed_meanwhile_is_no_change_of_the_form(site):
    project, browser = site
    pairs = open_form(browser)
    project.write({"config.yaml": CONFIG.replace("lr: 2e-5", "lr: 3e-5")})
    page = previewed(browser, typed(pairs, batch="16"))
    assert asked(page)[3:] == ["--set", "config.yaml:batch=16"]


def test_a_number_is_shown_as_the_file_spells_it(site):
    _, browser = site
    assert ("v/config.yaml/lr", "2e-5") in open_form(browser)
    assert ("v/run-config/lr", "2e-5") in open_form(browser, "plain")


def test_a_wrong_value_is_told_beside_its_field_with_the_command_lines_words_and_all_else_kept(site):
    project, browser = site
    pairs = typed(open_form(browser), batch="many", lr="0.5", name="my run")
    answer = browser.post("/jobs/train", **encoded([*pairs, ("do", "launch")]))
    assert answer.status_code == 422
    told = project.json("launch", "train", "--set", "config.yaml:batch=many", code=1)["problems"][0][
        "message"
    ]
    assert told.replace("'", "&#39;") in answer.text
    kept = dict(controls(answer.text))
    assert kept["v/config.yaml/batch"] == "many"
    assert kept["v/config.yaml/lr"] == "0.5"
    assert kept["name"] == "my run"
    assert project.runs() == []


def test_what_is_refused_can_be_mended_and_launched(site):
    project, browser = site
    answer = browser.post("/jobs/train", **encoded(typed(open_form(browser), batch="many", lr="0.5")))
    again = typed(controls(answer.text), batch="16")
    answer = browser.post("/jobs/train", follow_redirects=False, **encoded([*again, ("do", "launch")]))
    assert answer.status_code == 303
    run = answer.headers["location"].removeprefix("/runs/")
    project.wait(run)
    out = project.output(run)
    assert "batch: 16" in out
    assert "lr: 0.5  # step" in out


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dataset": '"letters"'}, ["--set", "config.yaml:dataset=letters"]),
        ({"metrics": ['"acc"', '"f1"', '"loss"']}, ["--set", "+config.yaml:metrics[2]=loss"]),
        ({"limit": "7"}, ["--set", "config.yaml:limit=7"]),
        ({"absent": "9"}, ["--set", "+config.yaml:absent=9"]),
        ({"m/config.yaml/precision": "integer"}, ["--set", "config.yaml:precision=16"]),
        ({"v/config.yaml/stages/[1]/name": "last"}, ["--set", "config.yaml:stages[1].name=last"]),
        ({"v/config.yaml/model/depth": "4"}, ["--set", "config.yaml:model.depth=4"]),
        ({"k/config.yaml/+0": "new:key", "v/config.yaml/+0": "x y"}, ["--set", "+config.yaml:new\\:key=x y"]),
        ({"m/config.yaml/absent": "unset"}, []),
        ({"m/config.yaml/model": "unset"}, ["--set", "config.yaml:model-"]),
        ({"target": "cluster"}, ["--target=cluster"]),
        ({"extra": "--verbose 'a b'", "tags": "x, y"}, ["--tag=x", "--tag=y", "--", "--verbose", "a b"]),
    ],
)
def test_a_change_is_the_same_as_a_command_line(site, changes, words):
    _, browser = site
    assert asked(previewed(browser, typed(open_form(browser), **changes)))[3:] == words


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("unset v/config.yaml/batch", ["--set", "config.yaml:batch-"]),
        ("null v/config.yaml/limit", []),
        ("drop v/config.yaml/stages/[0]", ["--set", "config.yaml:stages[0]-"]),
        ("add v/config.yaml/stages", ["--set", "+config.yaml:stages[2]={}"]),
        (
            "down v/config.yaml/stages/[0]",
            ["--set", "config.yaml:stages[0].name=two", "--set", "config.yaml:stages[1].name=one"],
        ),
        ("reset v/config.yaml/batch", []),
        ("up v/config.yaml/stages/[9]", []),
        ("nonsense", []),
    ],
)
def test_each_button_works_without_a_script(site, action, words):
    _, browser = site
    answer = browser.post("/jobs/train", **encoded([*open_form(browser), ("do", action)]))
    assert answer.status_code == 200
    assert asked(previewed(browser, controls(answer.text)))[3:] == words


def test_a_field_can_be_made_anew_alone(site):
    _, browser = site
    pairs = [*typed(open_form(browser), batch="99"), ("do", "reset v/config.yaml/batch")]
    answer = browser.post("/jobs/train/edit", **encoded(pairs))
    assert ("v/config.yaml/batch", "8") in controls(answer.text)
    assert answer.text.count("data-row") == 1


def test_a_secret_is_never_in_a_page_and_is_given_by_typing_it(site):
    project, browser = site
    page = browser.get("/jobs/train").text
    assert "hunter2" not in page
    assert "env-secret" not in page
    pairs = typed(controls(page), token="new-secret", **{"v/env/API_TOKEN": "other-secret"})
    preview = previewed(browser, pairs)
    assert "-secret" not in preview
    assert preview.count("is left out: it is a secret") == 2
    refused = browser.post("/jobs/train", **encoded(typed(pairs, batch="many")))
    assert "-secret" not in refused.text
    answer = browser.post("/jobs/train", follow_redirects=False, **encoded(pairs))
    run = answer.headers["location"].removeprefix("/runs/")
    project.wait(run)
    assert "token: new-secret" in project.output(run)


def test_hostile_markup_is_shown_as_text(site):
    _, browser = site
    page = browser.get("/jobs/train").text
    for hostile in ("<script>alert", "<b>well", "<img src=x"):
        assert hostile not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "style=" not in page
    assert " onclick" not in page


def test_hidden_values_are_not_in_the_form(site):
    _, browser = site
    assert all("hidden" not in name.split("/") for name, _ in open_form(browser))


def test_another_file_is_picked_and_what_nobody_touched_comes_from_it(site):
    _, browser = site
    pairs = typed(open_form(browser), lr="0.5", **{"file/config.yaml": "conf/large.yaml"})
    answer = browser.post("/jobs/train", **encoded([*pairs, ("do", "reload")]))
    kept = dict(controls(answer.text))
    assert kept["v/config.yaml/batch"] == "64"
    assert kept["v/config.yaml/lr"] == "0.5"
    assert "--file=config.yaml=conf/large.yaml" in asked(previewed(browser, controls(answer.text)))


def test_a_target_brings_its_variables(site):
    _, browser = site
    answer = browser.post(
        "/jobs/train", **encoded([*typed(open_form(browser), target="cluster"), ("do", "reload")])
    )
    pairs = controls(answer.text)
    assert ("v/target/partition", '"cpu"') in pairs
    words = asked(previewed(browser, typed(pairs, **{"v/target/partition": '"gpu"'})))
    assert words[3:] == ["--set", "target:partition=gpu", "--target=cluster"]


def test_a_pasted_config_fills_in_the_form_and_launches_nothing(site):
    project, browser = site
    pasted = "lr: 0.25\nmodel:\n  depth: 7\nstages: [{name: only}]\n"
    answer = browser.post(
        "/jobs/train", **encoded([*typed(open_form(browser), batch="16", pasted=pasted), ("do", "paste")])
    )
    assert answer.status_code == 200
    kept = dict(controls(answer.text))
    assert (kept["v/config.yaml/lr"], kept["v/config.yaml/model/depth"], kept["v/config.yaml/batch"]) == (
        "0.25",
        "7",
        "16",
    )
    assert kept["v/config.yaml/stages/[0]/name"] == "only"
    assert project.runs() == []
    page = previewed(browser, controls(answer.text))
    assert "4 changes" in page or "5 changes" in page


@pytest.mark.parametrize(
    ("pasted", "told"),
    [
        ("lrr: 1", "did you mean"),
        ("a: [", "line"),
        ("config.yaml:\n  hidden: 2", "may not be changed"),
        ("!!python/object/apply:os.system [id]", ""),
    ],
)
def test_what_of_a_pasted_config_fits_nothing_is_told_and_the_text_kept(site, pasted, told):
    _, browser = site
    answer = browser.post(
        "/jobs/train", **encoded([*typed(open_form(browser), pasted=pasted), ("do", "paste")])
    )
    assert answer.status_code == 422
    assert told in answer.text
    assert dict(controls(answer.text))["pasted"].replace("\r\n", "\n") == pasted


def test_a_pasted_secret_is_neither_taken_nor_sent_back(site):
    _, browser = site
    pairs = typed(open_form(browser), pasted="lr: 0.25\ntoken: pasted-secret\n")
    answer = browser.post("/jobs/train", **encoded([*pairs, ("do", "paste")]))
    assert answer.status_code == 422
    assert "a secret is not taken from a pasted text" in answer.text
    assert "pasted-secret" not in answer.text
    assert dict(controls(answer.text))["v/config.yaml/lr"] == "0.25"
    refused = browser.post("/jobs/train", **encoded(typed(pairs, batch="many")))
    assert refused.status_code == 422
    assert "pasted-secret" not in refused.text


def test_a_run_is_launched_again_with_its_changes_shown(site):
    project, browser = site
    first = project.launch(
        "train", "--set", "config.yaml:batch=16", "--set", "config.yaml:token=hush", "--name", "mine"
    )
    page = browser.get(f"/runs/{first['id']}/again")
    kept = dict(controls(page.text))
    assert kept["v/config.yaml/batch"] == "16"
    assert kept["name"] == "mine"
    assert "hush" not in page.text
    refused = browser.post(f"/runs/{first['id']}/again", **encoded(controls(page.text)))
    assert refused.status_code == 422
    assert "secrets are not recorded" in refused.text
    pairs = typed(controls(page.text), lr="0.5", token="again")
    answer = browser.post(f"/runs/{first['id']}/again", follow_redirects=False, **encoded(pairs))
    assert answer.status_code == 303
    run = answer.headers["location"].removeprefix("/runs/")
    assert project.wait(run)["rerun_of"] == first["id"]
    assert {"batch: 16", "lr: 0.5  # step", "token: again"} <= set(project.output(run).splitlines())


def test_a_read_only_site_shows_the_form_and_launches_nothing(project, site, visit):
    browser = visit(project.root, read_only=True)
    page = browser.get("/jobs/train").text
    assert '<fieldset class="launch__inputs" disabled>' in page
    assert 'name="do"' not in page
    assert browser.post("/jobs/train", **encoded([("do", "launch")])).status_code == 403
    assert project.runs() == []


def test_an_unknown_job_is_not_found(site):
    _, browser = site
    assert browser.get("/jobs/nosuch").status_code == 404


@pytest.mark.parametrize(
    "pairs",
    [
        [("seen", "x"), ("v/config.yaml/stages/[99999]/name", "a")],
        [("v/nosuch/a", "1")],
        [("m/config.yaml", "unset")],
        [("seen", ""), ("target", "nosuch")],
        [("v/config.yaml/lr/a/b/+3/[0]", "x")],
    ],
)
def test_what_no_page_would_post_makes_no_fault(site, pairs):
    _, browser = site
    assert browser.post("/jobs/train/preview", **encoded(pairs)).status_code == 200
    assert browser.post("/jobs/train", **encoded([*pairs, ("do", "preview")])).status_code == 200


def test_the_form_asks_for_what_the_pipeline_decides(site):
    project, browser = site
    page = previewed(browser, typed(open_form(browser), **{"v/config.yaml/stages/[0]/name": "zero"}))
    plan = make_plan(
        Project.find(project.root, project.environ),
        Request(
            job="train",
            overrides=(
                Override(input="config.yaml", path=KeyPath(("stages", 0, "name")), value="zero", said="form"),
            ),
        ),
    )
    (text,) = plan.delivery.files.values()
    assert "name: zero  # first" in text
    assert "it holds a secret" in page


KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**60), 2**60),
    st.floats(allow_nan=False, allow_infinity=False),
    KEYS,
)
TREES = st.recursive(
    SCALARS,
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(KEYS, below, max_size=3)),
    max_leaves=8,
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=st.dictionaries(KEYS, TREES, min_size=1, max_size=4))
def test_whatever_a_config_holds_its_page_posted_as_it_came_asks_for_nothing(project, visit, tree):
    manifest = '[jobs.t]\ncommand = ["true"]\n[[jobs.t.files]]\npath = "c.json"\n'
    project.write({"launch.toml": manifest, "c.json": json.dumps(tree)})
    browser = visit(project.root)
    answer = browser.post("/jobs/t", **encoded([*open_form(browser, "t"), ("do", "preview")]))
    assert answer.status_code == 200
    assert "No changes" in answer.text
    assert asked(answer.text) == ["confjob", "launch", "t"]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(old=[None, False], new=[0])
@given(old=TREES, new=TREES)
def test_a_pasted_value_is_refused_or_becomes_the_configs_and_nothing_else_does(project, visit, old, new):
    manifest = '[jobs.t]\ncommand = ["true"]\n[[jobs.t.files]]\npath = "c.json"\nschema = "s.json"\n'
    whole = {"properties": {"a": {}, "b": {"type": "integer"}}}
    project.write(
        {"launch.toml": manifest, "s.json": json.dumps(whole), "c.json": json.dumps({"a": [old], "b": 1})}
    )
    browser = visit(project.root)
    pasted = yaml_text({"c.json": {"a": [new]}})
    page = browser.post(
        "/jobs/t", **encoded([*typed(open_form(browser, "t"), pasted=pasted), ("do", "paste")])
    )
    assert page.status_code == 200, (new, page.text)
    posted = Posted.read(controls(page.text))
    found = Project.find(project.root, project.environ)
    request = compose(Basis(project=found, job="t"), posted).request
    try:
        plan = make_plan(found, request)
    except InvalidOverrides:
        return  # a type that is inferred may refuse it, as it does a file of overrides
    # An int that replaces a float is written as one.
    assert plan.documents["c.json"].tree == {"a": [new], "b": 1}
