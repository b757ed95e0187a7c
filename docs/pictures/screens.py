"""Takes the screenshots of the docs: every page of `confjob ui`, light and dark, of a project with runs.

    python docs/pictures/screens.py [FOLDER]

They are taken of the digits example, launched for real, with the system's Chromium. Run it again when a
page has changed, and look at what it made.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from confjob.testing import ProjectFolder

ROOT = Path(__file__).parents[2]
WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}


def main(folder: Path) -> None:
    """Take them all into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        project = ProjectFolder.copy_of(ROOT / "examples" / "digits", Path(scratch, "digits"))
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("chromium-browser"),
            args=["--no-sandbox"],
        )
        try:
            runs = launched(project)
            with served(project) as url:
                for scheme in ("light", "dark"):
                    pictures(browser, url, runs, folder, scheme)
        finally:
            browser.close()
            project.end()


def launched(project: ProjectFolder) -> list[str]:
    """Launch some runs that have something to compare, and some that wait."""
    settings = [("0.1", "10"), ("0.3", "20"), ("0.03", "20")]
    runs = [
        project.launch(
            "train", "--set", f"learning_rate={rate}", "--set", f"epochs={epochs}", "--name", name
        )["id"]
        for (rate, epochs), name in zip(settings, ("baseline", "fast", "slow"), strict=True)
    ]
    for number in range(3):
        waiting = ("--set", "epochs=100000", "--set", "resources:cpus=2", "--name", f"long-{number}")
        runs.append(project.json("launch", "train", *waiting)["id"])
    project.wait(runs[3], "RUNNING")
    return runs


@contextmanager
def served(project: ProjectFolder) -> Iterator[str]:
    """Serve the project while the block lasts; yields the address with its token."""
    process = project.start("ui", "--no-browser", "--port", "0")
    try:
        assert process.stdout is not None
        line = next(line for line in process.stdout if "token=" in line)
        found = re.search(r"http://\S+", line)
        assert found is not None
        yield found[0]
    finally:
        process.terminate()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def pictures(browser: Browser, url: str, runs: list[str], folder: Path, scheme: str) -> None:
    """Take all pages in one colour scheme."""
    base = url.partition("?")[0].rstrip("/")
    for size, suffix in ((WIDE, ""), (PHONE, "-phone")):
        context = browser.new_context(viewport=size, color_scheme=scheme, device_scale_factor=1)
        page = context.new_page()
        page.goto(url)
        for name, path in places(runs).items():
            page.goto(base + path)
            prepare(page, name)
            page.wait_for_timeout(900)
            page.screenshot(path=folder / f"{name}{suffix}-{scheme}.png")
        context.close()


def places(runs: list[str]) -> dict[str, str]:
    """Return the pages by the names of their pictures."""
    return {
        "jobs": "/",
        "form": "/jobs/train",
        "refused": "/jobs/train",
        "runs": "/runs",
        "run": f"/runs/{runs[1]}",
        "compare": f"/compare?run={runs[0]}&run={runs[1]}",
        "queue": "/queue",
    }


def prepare(page: Page, name: str) -> None:
    """Do on a page what makes its picture say something."""
    if name in ("form", "refused"):
        value = "0.05" if name == "form" else "fast"
        field = page.get_by_role("textbox", name="learning_rate").first
        field.fill(value)
        field.blur()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "ui")
