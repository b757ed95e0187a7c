"""The launch form in Chromium: what W&B's page has as a sample, the keyboard, and no script needed."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from confjob.web.app import create_app
from confjob.web.site import Site

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
uvicorn = pytest.importorskip("uvicorn", reason="uvicorn is not installed")
axe = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
expect = playwright.expect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
AXE = Path(axe.__file__).with_name("axe.min.js")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

MANIFEST = """
[jobs.train]
command = ["python", "train.py"]
description = "Trains <i>something</i>"

[[jobs.train.files]]
path = "config.yaml"
schema = "schema.json"

[jobs.train.env]
API_TOKEN = "env-secret"
"""
SCHEMA = {
    "type": "object",
    "properties": {
        "learning_rate": {"type": "number", "minimum": 1e-6, "maximum": 1, "title": "Step size"},
        "batch": {"type": "integer", "minimum": 1},
        "dataset": {"enum": [f"set-{number}" for number in range(9)]},
        "metrics": {"type": "array", "items": {"enum": ["acc", "f1", "loss"]}},
        "resume": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
        "limit": {
            "anyOf": [{"type": "integer"}, {"type": "null"}],
            "description": "<img src=x onerror=alert(1)>",
        },
        "stages": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
    },
}
CONFIG = """learning_rate: 2e-3  # step
batch: 8
dataset: set-1
metrics: [acc]
resume: null
limit: 5
stages:
  - name: one
  - name: two
"""


@pytest.fixture(scope="module")
def chromium() -> Iterator:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def served() -> Iterator:
    servers = []

    def serve(folder: Path, **more) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        app = create_app(Site(directory=folder, token="t0ken", **more))
        server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
        thread = threading.Thread(target=server.run)
        thread.start()
        servers.append((server, thread))
        until = time.monotonic() + 20
        while not server.started and time.monotonic() < until:
            time.sleep(0.02)
        return f"http://127.0.0.1:{port}"

    yield serve
    for server, thread in servers:
        server.should_exit = True
        thread.join(20)


@pytest.fixture
def visit(chromium, served):
    """A function that opens a page; a script's fault on any of them fails the test."""
    contexts, faults = [], []

    def opened(folder: Path, path: str, *, width=1280, scheme="light", scripts=True, **more):
        address = served(folder, **more)
        context = chromium.new_context(
            viewport={"width": width, "height": 800},
            color_scheme=scheme,
            java_script_enabled=scripts,
            bypass_csp=False,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda told: faults.append(told.text) if "Content Security" in told.text else None)
        page.goto(f"{address}{path}?token=t0ken")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def train(project):
    return project.write(
        {
            "launch.toml": MANIFEST,
            "schema.json": json.dumps(SCHEMA),
            "config.yaml": CONFIG,
            "train.py": "print(open('config.yaml').read())\n",
        }
    )


def control(page, path: str):
    return page.locator(f'[name="v/config.yaml/{path}"]')


def row(page, path: str):
    return page.locator("[data-row]", has=page.locator(f'[name="v/config.yaml/{path}"]')).first


def command_line(page):
    return page.locator("#command-line")


def test_the_schema_of_wandbs_page_is_rendered_as_the_right_controls(copy_of_example, visit):
    project = copy_of_example("seed")
    page = visit(project.root, "/jobs/json-schema")
    rate, batch = control(page, "learning_rate"), control(page, "batch_size")
    expect(rate).to_have_value("0.01")
    expect(rate).to_have_attribute("inputmode", "decimal")
    expect(batch).to_have_attribute("inputmode", "numeric")
    expect(control(page, "model")).to_have_attribute("type", "text")
    options = row(page, "dataset").get_by_role("radio")
    expect(options).to_have_count(2)
    expect(page.get_by_role("radio", name="cifar10", exact=True)).to_be_checked()
    expect(row(page, "learning_rate")).to_contain_text("step size")
    expect(row(page, "learning_rate")).to_contain_text("float, > 0")
    expect(row(page, "learning_rate")).to_contain_text("config.yaml:2")
    page.get_by_label("cifar100").check(force=True)
    batch.fill("64")
    expect(command_line(page)).to_contain_text("--set config.yaml:batch_size=64")
    expect(command_line(page)).to_contain_text("--set config.yaml:dataset=cifar100")
    expect(page.locator(".diff")).to_contain_text("+batch_size: 64")


def test_a_wrong_value_is_marked_beside_its_field_and_the_rest_is_kept(train, visit):
    page = visit(train.root, "/jobs/train")
    control(page, "batch").fill("0")
    control(page, "learning_rate").fill("0.5")
    page.locator('[name="v/env/API_TOKEN"]').fill("typed-secret")
    page.get_by_role("button", name="Launch", exact=True).click()
    summary = page.locator("#summary")
    expect(summary).to_be_focused()
    expect(control(page, "batch")).to_have_attribute("aria-invalid", "true")
    place = control(page, "batch").get_attribute("aria-describedby").split()[0]
    expect(page.locator(f"#{place}")).to_contain_text("must be at least 1")
    expect(control(page, "learning_rate")).to_have_value("0.5")
    expect(page.locator('[name="v/env/API_TOKEN"]')).to_have_value("typed-secret")
    assert "typed-secret" not in page.content()
    summary.get_by_role("link").first.click()
    expect(control(page, "batch")).to_be_focused()
    assert train.runs() == []


def test_a_launch_needs_no_mouse(train, visit):
    page = visit(train.root, "/jobs/train")
    page.keyboard.press("/")
    page.keyboard.type("step size")
    expect(page.locator("[data-row]:visible")).to_have_count(1)
    for _ in range(12):
        page.keyboard.press("Tab")
        if "learning_rate" in (page.evaluate("document.activeElement.name") or ""):
            break
    page.keyboard.press("ArrowUp")
    expect(control(page, "learning_rate")).to_have_value("0.005")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile("/runs/"))
    run = page.url.rpartition("/")[2].partition("?")[0]
    train.wait(run)
    assert "learning_rate: 0.005  # step" in train.output(run)


def test_without_a_script_the_form_tells_launches_and_loses_nothing(train, visit):
    page = visit(train.root, "/jobs/train", scripts=False)
    control(page, "batch").fill("0")
    control(page, "learning_rate").fill("0.5")
    page.get_by_role("button", name="Launch", exact=True).click()
    expect(page.locator("#summary")).to_contain_text("must be at least 1")
    expect(control(page, "learning_rate")).to_have_value("0.5")
    control(page, "batch").fill("16")
    page.get_by_role("button", name="Preview", exact=True).last.click()
    expect(page.locator(".diff")).to_contain_text("+batch: 16")
    page.get_by_role("button", name="Launch", exact=True).click()
    page.wait_for_url(re.compile("/runs/"))
    assert [change["path"] for change in train.runs()[0]["changes"]] == ["learning_rate", "batch"]


def test_lists_null_and_reset_work_in_place(train, visit):
    page = visit(train.root, "/jobs/train")
    page.get_by_role("button", name="Move element 0 down").click()
    expect(control(page, "stages/[0]/name")).to_have_value("one")
    expect(command_line(page)).to_contain_text("stages[0].name=two")
    page.get_by_role("button", name="Remove element 1").click()
    expect(command_line(page)).to_contain_text("stages[0]-")
    page.get_by_role("button", name="Reset stages").click()
    expect(command_line(page)).to_have_text("confjob launch train")
    row(page, "limit").hover()
    page.get_by_role("button", name="Set limit to null").click()
    expect(command_line(page)).to_contain_text("config.yaml:limit=null")
    control(page, "limit").fill("9")
    expect(command_line(page)).to_contain_text("config.yaml:limit=9")
    expect(page.locator("[data-count]")).to_have_text("1")


def test_keys_of_ones_own_are_added_one_after_another(train, visit):
    page = visit(train.root, "/jobs/train")
    page.locator("summary", has_text="Add a key").first.click()
    for number in range(3):
        control = page.locator("[data-section]").first.locator('[name^="k/config.yaml/+"]').nth(number)
        control.fill(f"own{number}")
        page.keyboard.press("Tab")
        page.keyboard.type(str(number))
    for number in range(3):
        expect(command_line(page)).to_contain_text(f"--set +config.yaml:own{number}={number}")


def test_only_what_changed_can_be_looked_at(train, visit):
    page = visit(train.root, "/jobs/train")
    control(page, "batch").fill("9")
    page.get_by_label("Only changed").check()
    expect(page.locator("[data-row]:visible")).to_have_count(1)
    page.get_by_label("Only changed").uncheck()
    control(page, "batch").fill("8")
    expect(page.locator("[data-count]")).to_have_text("0")


def test_a_pasted_config_is_shown_in_its_fields(train, visit):
    page = visit(train.root, "/jobs/train")
    page.get_by_text("Paste a config").click()
    page.get_by_label("Config to paste").fill("batch: 32\nresume: true\n")
    page.get_by_role("button", name="Fill in").click()
    expect(control(page, "batch")).to_have_value("32")
    expect(row(page, "resume").get_by_label("true")).to_be_checked()
    expect(command_line(page)).to_contain_text("batch=32")


def test_markup_in_a_config_is_text(train, visit):
    page = visit(train.root, "/jobs/train")
    expect(row(page, "limit")).to_contain_text("<img src=x onerror=alert(1)>")
    assert page.locator("main img, main i").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_everyone_can_use_it_on_any_screen(train, visit, scheme, width):
    page = visit(train.root, "/jobs/train", width=width, scheme=scheme)
    control(page, "batch").fill("0")
    page.get_by_role("button", name="Launch", exact=True).click()
    expect(page.locator("#summary")).to_be_focused()
    page.locator("details").evaluate_all("all => all.forEach((each) => { each.open = true; })")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        "axe.run().then((told) => told.violations.map((each) => [each.id, each.nodes[0].html]))"
    )
    assert found == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_in_a_read_only_site_nothing_can_be_changed(train, visit):
    page = visit(train.root, "/jobs/train", read_only=True)
    expect(control(page, "batch")).to_be_disabled()
    expect(page.get_by_role("button", name="Launch", exact=True)).to_have_count(0)


def test_no_file_of_the_page_comes_from_elsewhere(train, visit):
    page = visit(train.root, "/jobs/train")
    hosts = page.evaluate("performance.getEntriesByType('resource').map((each) => new URL(each.name).host)")
    assert set(hosts) == {page.url.split("/")[2]}
    assert os.sep not in page.title()
