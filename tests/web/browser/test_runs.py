"""Runs in Chromium: a log followed to its end, runs compared by keys alone, readable on a phone."""

from __future__ import annotations

import os
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
[[jobs.train.files]]
path = "config.yaml"

[jobs.fail]
command = ["sh", "-c", "echo oh no; exit 3"]

[jobs.sleep]
command = ["sleep", "60"]

[targets.one]
backend = "local"
parallel = 1
"""
TRAIN = """
import json, os, re, sys, time
lr = float(re.search("lr: (.*)", open("config.yaml").read())[1])
print("\\x1b[32mbegun\\x1b[0m <b>bold</b>", flush=True)
for percent in range(0, 101, 10):
    print(f"\\r{percent:3}% done", end="", flush=True)
    if percent == 50:
        while "WAIT" in os.environ and not os.path.exists(os.environ["WAIT"]):
            time.sleep(0.05)
print("\\nlast words", flush=True)
json.dump({"accuracy": lr}, open("metrics.json", "w"))
"""


class Server:
    """A server that may be stopped, and started again at the same address."""

    def __init__(self, folder: Path, **more) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self._site = Site(directory=folder, token="t0ken", **more)
        self._running: list = []
        self.address = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        settings = uvicorn.Config(
            create_app(self._site), host="127.0.0.1", port=self._port, log_level="error"
        )
        server = uvicorn.Server(settings)
        thread = threading.Thread(target=server.run)
        thread.start()
        self._running.append((server, thread))
        until = time.monotonic() + 20
        while not server.started and time.monotonic() < until:
            time.sleep(0.02)

    def stop(self) -> None:
        while self._running:
            server, thread = self._running.pop()
            server.should_exit = True
            thread.join(20)


@pytest.fixture(scope="module")
def chromium() -> Iterator:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def browse(chromium):
    """A function that opens a page; a script's fault on any of them fails the test."""
    contexts, faults, servers = [], [], []

    def opened(folder: Path, path: str, *, width=1280, scheme="light", scripts=True, **more):
        server = Server(folder, **more)
        servers.append(server)
        server.start()
        address = server.address
        context = chromium.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme, java_script_enabled=scripts
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda told: faults.append(told.text) if "Content Security" in told.text else None)
        page.goto(f"{address}/?token=t0ken")
        page.goto(f"{address}{path}")
        page.server, page.address = server, address
        return page

    yield opened
    for context in contexts:
        context.close()
    for server in servers:
        server.stop()
    assert faults == []


@pytest.fixture
def train(project):
    return project.write({"launch.toml": MANIFEST, "config.yaml": "lr: 0.5\nseed: 1\n", "train.py": TRAIN})


@pytest.fixture
def halfway(train, tmp_path):
    """A run that has printed half of what it prints, and how to let it go on."""
    train.environ["WAIT"] = str(tmp_path / "go")
    run = train.json("launch", "train", "--name", "halfway")["id"]
    train.wait(run, "RUNNING")
    return run, (tmp_path / "go").touch


def violations(page):
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document)")["violations"]
    return [(each["id"], [node["html"][:120] for node in each["nodes"]][:3]) for each in found]


def has_room(page):
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


# -- a log -----------------------------------------------------------------------------------


def test_a_run_is_followed_to_its_end(browse, train, halfway):
    run, go_on = halfway
    page = browse(train.root, f"/runs/{run}")
    paper = page.get_by_role("log")
    expect(paper).to_contain_text("50% done")
    expect(paper).to_contain_text("begun <b>bold</b>")
    expect(page.locator(".badge").first).to_have_text("Running")
    go_on()
    expect(paper).to_contain_text("last words")
    expect(paper).to_contain_text("end of the log")
    expect(page.locator(".run__title .badge")).to_have_text("Succeeded")
    expect(page.locator("#side")).to_contain_text("accuracy")
    expect(page.locator("#outputs")).to_contain_text("metrics.json")
    lines = page.locator(".log__line").all_inner_texts()
    assert lines == ["begun <b>bold</b>", "100% done", "last words"]
    expect(page.get_by_role("button", name="Pause")).to_be_hidden()


def test_a_pause_keeps_the_log_still_and_what_came_is_shown_afterwards(browse, train, halfway):
    run, go_on = halfway
    page = browse(train.root, f"/runs/{run}")
    expect(page.get_by_role("log")).to_contain_text("50% done")
    page.keyboard.press("f")
    expect(page.get_by_role("button", name="Go on")).to_have_attribute("aria-pressed", "true")
    go_on()
    train.wait(run)
    expect(page.locator(".run__title .badge")).to_have_text("Succeeded")  # the page lives
    assert "last words" not in page.get_by_role("log").inner_text()
    page.keyboard.press("f")
    expect(page.get_by_role("log")).to_contain_text("last words")


def test_following_survives_the_server(browse, train, halfway):
    run, go_on = halfway
    page = browse(train.root, f"/runs/{run}")
    expect(page.get_by_role("log")).to_contain_text("50% done")
    page.server.stop()
    expect(page.locator("[data-log-state]")).to_contain_text("does not answer")
    go_on()
    page.server.start()
    expect(page.get_by_role("log")).to_contain_text("end of the log")
    expect(page.locator("[data-log-state]")).to_be_empty()


@pytest.fixture
def long(train):
    run = train.launch("fail")["id"]
    text = "".join(f"line {number:06}\n" for number in range(30_000))
    (train.root / ".confjob/runs" / run / "output.log").write_text(text)
    return run


def test_a_long_log_opens_at_its_end_and_goes_back_without_a_jump(browse, train, long):
    page = browse(train.root, f"/runs/{long}")
    last = page.get_by_text("line 029999", exact=True)
    expect(last).to_be_in_viewport()
    first = page.locator(".log__line").first.inner_text()
    page.locator(".log__more--older a").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".log__line").first).not_to_have_text(first)
    expect(page.get_by_text(first, exact=True)).to_be_in_viewport()
    page.get_by_role("button", name="Latest").click()
    expect(last).to_be_in_viewport()


def test_what_is_looked_for_is_found_and_shown_at_its_place(browse, train, long):
    page = browse(train.root, f"/runs/{long}")
    page.keyboard.press("/")
    page.keyboard.type("line 000777")
    page.keyboard.press("Enter")
    hit = page.locator(".found__hit")
    expect(hit).to_have_count(1)
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    expect(hit).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("[data-found]")).to_have_text("line 000777")
    expect(page.locator("[data-found]")).to_be_in_viewport()
    page.get_by_role("link", name="To the end of the log").click()
    expect(page.get_by_text("line 029999", exact=True)).to_be_in_viewport()


def test_lines_that_pile_up_leave_the_page_and_can_be_had_again(browse, train, halfway):
    run, go_on = halfway
    page = browse(train.root, f"/runs/{run}")
    expect(page.get_by_role("log")).to_contain_text("50% done")
    log = train.root / ".confjob/runs" / run / "output.log"
    for part in range(16):
        with log.open("a") as file:
            file.writelines(f"\nmore {part * 500 + number:05}" for number in range(500))
        expect(page.get_by_role("log")).to_contain_text(f"more {part * 500 + 499:05}")
    assert page.locator(".log__line").count() <= 6001
    first = page.locator(".log__line").first
    for _ in range(20):
        text = first.inner_text()
        if text == "begun <b>bold</b>":
            break
        page.locator(".log__more--older a").first.click()
        expect(first).not_to_have_text(text)
    shown = page.locator(".log__line").all_inner_texts()
    assert shown[2:8002] == [f"more {number:05}" for number in range(8000)]
    go_on()


def test_no_script_is_needed_to_read_and_search_a_log(browse, train, long):
    page = browse(train.root, f"/runs/{long}", scripts=False)
    page.get_by_placeholder("Search the log").fill("000777")
    page.get_by_role("button", name="Find").click()
    page.locator(".found__hit").click()
    expect(page.get_by_text("line 000777", exact=True)).to_be_visible()
    page.get_by_role("link", name="Older lines").click()
    assert page.locator(".log__line").count() > 10


# -- the table -------------------------------------------------------------------------------


@pytest.fixture
def two(train):
    one = train.launch("train", "--name", "slower", "--set", "lr=0.1")["id"]
    other = train.launch("train", "--name", "faster", "--set", "lr=0.8")["id"]
    return one, other


def test_two_runs_are_compared_by_keys_alone(browse, train, two):
    page = browse(train.root, "/runs")
    for key in ("j", "x", "j", "x"):
        page.keyboard.press(key)
    expect(page.locator("[data-count]")).to_have_text("2 selected")
    page.keyboard.press("c")
    expect(page.get_by_role("heading", name="Compare 2 runs")).to_be_visible()
    row = page.get_by_role("row", name="config.yaml:lr")
    expect(row).to_contain_text("0.1")
    expect(row).to_contain_text("0.8")
    expect(page.locator(".diff")).to_contain_text("-lr: 0.8")
    page.get_by_role("link", name="Everything").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("row", name="command")).to_be_visible()


def test_the_table_is_kept_true_and_what_is_selected_stays_selected(browse, train, two):
    page = browse(train.root, "/runs")
    page.get_by_label(f"Select slower {two[0]}").check()
    page.locator(f"#run-{two[1]}").focus()
    train.json("launch", "fail", "--name", "newcomer")
    expect(page.get_by_role("link", name="newcomer")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("row").filter(has_text="newcomer")).to_contain_text("Failed", timeout=30_000)
    expect(page.get_by_label(f"Select slower {two[0]}")).to_be_checked()
    expect(page.locator(f"#run-{two[1]}")).to_be_focused()


def test_a_filter_is_in_the_address(browse, train, two):
    page = browse(train.root, "/runs")
    page.keyboard.press("/")
    page.keyboard.type("slow")
    expect(page.locator("[data-item]")).to_have_count(1)
    expect(page).to_have_url(f"{page.address}/runs?q=slow")
    page.reload()
    expect(page.locator("[data-item]")).to_have_count(1)
    page.get_by_placeholder("Search runs").fill("")
    expect(page.locator("[data-item]")).to_have_count(2)
    page.get_by_label("Failed").check(force=True)
    expect(page.get_by_text("No run is like this.")).to_be_visible()


def test_a_run_is_cancelled_from_the_table_after_a_question(browse, train):
    run = train.json("launch", "sleep")["id"]
    train.wait(run, "RUNNING")
    page = browse(train.root, "/runs")
    page.locator(f"#tick-{run}").check()
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Cancel").click()
    assert train.json("status", run)["state"] == "RUNNING"
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("row").filter(has_text=run)).to_contain_text("Cancelled", timeout=30_000)


def test_the_keyboard_comes_everywhere_and_away_again(browse, train, two):
    for path in ("/runs", f"/runs/{two[0]}", f"/compare?run={two[0]}&run={two[1]}"):
        page = browse(train.root, path)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        seen = set()
        for _ in range(120):
            page.keyboard.press("Tab")
            place = page.evaluate("[...document.querySelectorAll('*')].indexOf(document.activeElement)")
            if place in seen:
                break
            seen.add(place)
        wanted = page.evaluate(
            "[...document.querySelectorAll('main a[href], main button, main input:not([type=hidden]), main select,"
            " main summary')].filter(each => each.checkVisibility({visibilityProperty: true}) && !each.disabled)"
            ".map(each => [...document.querySelectorAll('*')].indexOf(each))"
        )
        assert set(wanted) <= seen


# -- all pages -------------------------------------------------------------------------------


@pytest.fixture
def everything(train):
    """Addresses of pages with something of every kind on them."""
    train.launch("train", "--name", "slower", "--set", "lr=0.1", "--tag", "sweep", "--note", "a remark")
    train.launch("train", "--name", "a-name-" * 20, "--set", "lr=0.8")
    train.launch("fail", "--name", "failed")
    waiting = [train.json("launch", "sleep", "--target", "one")["id"] for _ in range(2)]
    train.wait(waiting[0], "RUNNING")
    ids = [run["id"] for run in train.runs()]
    log = train.root / ".confjob/runs" / ids[2] / "output.log"
    colours = "".join(f"\x1b[{code}m{code} \x1b[{code + 10};97mon\x1b[0m " for code in range(30, 38))
    log.write_text(f"{colours}\n{'long ' * 200}\n\x07\x00\x1b[2mdim\x1b[0m\n")
    compared = f"/compare?run={ids[4]}&run={ids[3]}&run={ids[2]}"
    pages = ["/runs", "/runs?q=nothing-like-it", f"/runs/{ids[2]}", f"/runs/{ids[1]}", f"/runs/{ids[4]}"]
    return [*pages, f"/runs/{ids[2]}/log?q=long", compared, f"{compared}&all=1", "/queue"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_no_page_has_a_barrier_and_all_fit(browse, train, everything, scheme, width):
    page = browse(train.root, "/runs", scheme=scheme, width=width)
    found = {}
    for path in everything:
        page.goto(f"{page.address}{path}")
        page.wait_for_load_state("networkidle")
        if path == "/runs":
            page.locator("input[name=run]").first.check()
        for details in page.locator("details:not([open]) > summary").all():
            details.click()
        found[path] = (violations(page), has_room(page))
    assert found == dict.fromkeys(everything, ([], True))


def test_pages_of_a_site_that_is_only_read_have_no_barrier(browse, train, everything):
    page = browse(train.root, "/queue", read_only=True)
    assert violations(page) == []
    page.goto(f"{page.address}/runs")
    assert violations(page) == []


def test_nothing_comes_from_elsewhere(browse, train, two):
    page, asked = browse(train.root, "/runs"), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{page.address}/runs/{two[0]}")
    page.wait_for_load_state("networkidle")
    assert asked
    assert all(url.startswith(f"{page.address}/") for url in asked)


def test_the_tests_have_what_they_need():
    assert AXE.is_file()
    assert os.access(CHROMIUM, os.X_OK)
