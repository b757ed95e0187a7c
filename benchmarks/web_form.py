"""How long the launch form of a large config takes: to come, to be painted, and to be typed in.

    python benchmarks/web_form.py > benchmarks/web_form.md

The form is that of Axolotl's own schema where CONFJOB_PYTHON_AXOLOTL names an interpreter that
has it (and confjob-axolotl is installed), else of a schema made here with as many properties
and definitions. Chromium draws it; every key is timed by the browser's own event timing, and
long tasks are what it calls so: 50 ms in which it can answer nobody.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import uvicorn
from playwright.sync_api import Page, sync_playwright

from confjob.web.app import create_app
from confjob.web.site import Site

ROUNDS = 5
TEXT = "1234567890" * 3
EXAMPLE = Path(__file__).parents[1] / "examples" / "axolotl"
WATCH = """
window.seen = {keys: [], long: [], frames: []};
new PerformanceObserver((list) => { for (const each of list.getEntries()) if (/^key|input/.test(each.name)) seen.keys.push(each.processingEnd - each.processingStart); }).observe({type: "event", durationThreshold: 0, buffered: true});
new PerformanceObserver((list) => { for (const each of list.getEntries()) seen.long.push(each.duration); }).observe({type: "longtask"});
"""
FRAMES = """
() => { let last = performance.now(); const tick = (now) => { seen.frames.push(now - last); last = now; requestAnimationFrame(tick); }; requestAnimationFrame(tick); }
"""


def generated(properties: int, definitions: int) -> dict:
    kinds = [
        {"anyOf": [{"type": "boolean"}, {"type": "null"}], "default": None},
        {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}], "default": None},
        {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "what it is, in a sentence or two"},
        {"anyOf": [{"type": "number"}, {"type": "null"}]},
        {"type": "array", "items": {"type": "string"}},
    ]
    parts = {
        f"Part{number}": {
            "type": "object",
            "properties": {f"value_{each}": kinds[each % 5] for each in range(8)},
        }
        for number in range(definitions)
    }
    refs = [{"anyOf": [{"$ref": f"#/$defs/{name}"}, {"type": "null"}]} for name in parts]
    every = [*refs, *(kinds[number % 5] for number in range(properties - definitions))]
    return {
        "$defs": parts,
        "type": "object",
        "properties": {f"option_{at}": each for at, each in enumerate(every)},
    }


def make_project(root: Path) -> tuple[str, str]:
    """Make the project; returns the job and what to call its schema."""
    python = os.environ.get("CONFJOB_PYTHON_AXOLOTL")
    if python:
        shutil.copytree(EXAMPLE, root, dirs_exist_ok=True)
        manifest = root / "launch.toml"
        text = manifest.read_text().replace("[jobs.show]", f'[jobs.show]\npython = "{python}"')
        manifest.write_text(text)
        return "show", "Axolotl's schema"
    (root / "schema.json").write_text(json.dumps(generated(390, 29)))
    (root / "config.yaml").write_text("".join(f"option_{number}: null\n" for number in range(29, 60)))
    (root / "launch.toml").write_text(
        '[jobs.show]\ncommand = ["true"]\n[[jobs.show.files]]\npath = "config.yaml"\nschema = "schema.json"\n'
    )
    return "show", "a generated schema of 390 properties and 29 definitions"


def serve(root: Path) -> tuple[uvicorn.Server, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    app = create_app(Site(directory=root, token="t0ken"))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.02)
    return server, f"http://127.0.0.1:{port}"


def opened(page: Page, address: str) -> dict[str, float]:
    page.goto(address, wait_until="load")
    page.wait_for_timeout(500)
    return page.evaluate(
        """() => {
        const sent = performance.getEntriesByType("navigation")[0];
        const paint = performance.getEntriesByName("first-contentful-paint")[0];
        return {server: sent.responseEnd - sent.requestStart, paint: paint.startTime, ready: sent.domContentLoadedEventEnd,
                kib: sent.decodedBodySize / 1024, elements: document.querySelectorAll("*").length,
                fields: document.querySelectorAll("[data-row]").length};
        }"""
    )


def typed(page: Page, selector: str) -> dict[str, float]:
    page.evaluate(WATCH)
    page.evaluate(FRAMES)
    page.locator(selector).first.click()
    page.evaluate("seen.keys.length = seen.long.length = seen.frames.length = 0")
    for key in TEXT:
        page.keyboard.press(key)
        page.wait_for_timeout(30)
    page.wait_for_timeout(300)
    seen = page.evaluate("seen")
    frames = sorted(seen["frames"])
    return {
        "key, median": statistics.median(seen["keys"]),
        "key, worst": max(seen["keys"]),
        "frame, 95 of 100": frames[int(len(frames) * 0.95)],
        "long tasks": len(seen["long"]),
    }


def row(what: str, values: list[float], unit: str = "ms") -> None:
    print(f"| {what} | {statistics.median(values):.1f} {unit} | {max(values):.1f} {unit} |", flush=True)


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        root = Path(folder).resolve()
        job, what = make_project(root)
        server, address = serve(root)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
            page.set_default_timeout(60_000)
            page.goto(f"{address}/?token=t0ken", wait_until="load")
            url = f"{address}/jobs/{job}"
            opened(page, url)  # the first asks the framework, which takes seconds, once
            loads = [opened(page, url) for _ in range(ROUNDS)]
            page.wait_for_timeout(12_000)
            keys = [typed(page, "input[data-number]:visible"), typed(page, "[data-filter]")]
        finally:
            browser.close()
            server.should_exit = True
        report(what, loads, keys)


def report(what: str, loads: list[dict[str, float]], keys: list[dict[str, float]]) -> None:
    last = loads[-1]
    print("# The launch form of a large config\n")
    print(
        f"By `benchmarks/web_form.py`, with {what}: {last['fields']:.0f} fields, {last['elements']:.0f} elements,"
    )
    print(
        f"{last['kib']:.0f} KiB of HTML. Chromium without a screen, Python {sys.version.split()[0]}, {os.cpu_count()} cores.\n"
    )
    print("| | median | worst |\n| --- | --- | --- |")
    row("the server's answer", [each["server"] for each in loads])
    row("first paint, from the click", [each["paint"] for each in loads])
    row("ready for keys, from the click", [each["ready"] for each in loads])
    for name, seen in zip(("a field", "the search"), keys, strict=True):
        print(
            f"\nTyping {len(TEXT)} characters into {name}: a key is handled in {seen['key, median']:.1f} ms (worst {seen['key, worst']:.1f} ms),"
        )
        print(
            f"95 of 100 frames come within {seen['frame, 95 of 100']:.1f} ms, long tasks: {seen['long tasks']:.0f}."
        )


if __name__ == "__main__":
    main()
