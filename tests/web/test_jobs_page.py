import re
from html.parser import HTMLParser

import pytest

QUICK = '[jobs.quick]\ncommand = ["true"]\ndescription = "Does nothing, quickly"\n'
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7*7 }}{% raw %}",
    "</title></h1><base href=//evil.example>",
    "&lt;b&gt; &amp;",
    "javascript:alert(1)",
    "a\u202egnp.exe",
    "a\x1b[31mred",
    "\u2028line",
    "-->]]>",
]


class Shape(HTMLParser):
    """The elements of a page and the names of their attributes: what markup in a value would change."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, sorted(name for name, _ in attrs)))

    def handle_endtag(self, tag):
        self.tags.append(("/", tag))


def basic(text):
    escapes = {'"': '\\"', "\\": "\\\\"}
    return "".join(escapes.get(c) or (c if c.isprintable() else f"\\u{ord(c):04x}") for c in text)


def test_jobs_are_listed_with_what_they_are_and_run(visit, project):
    project.write(
        {"launch.toml": QUICK + '[jobs.other]\nfunction = "train:main"\n', "train.py": "def main(): ...\n"}
    )
    page = visit(project.root).get("/").text
    for text in ("quick", "Does nothing, quickly", "true", "other", "train:main", "has not run yet"):
        assert text in page
    assert page.index(">quick<") < page.index(">other<")


def test_a_jobs_last_runs_are_shown_with_their_states(visit, project):
    project.write({"launch.toml": QUICK + '[jobs.bad]\ncommand = ["false"]\n'})
    good, bad = project.launch("quick"), project.launch("bad")
    page = visit(project.root).get("/").text
    for run, state in ((good, "SUCCEEDED"), (bad, "FAILED")):
        assert re.search(rf'data-state="{state}" href="/runs/{run["id"]}"', page)


def test_a_page_of_ended_runs_asks_for_nothing_more_and_one_of_live_runs_does(visit, project):
    project.write({"launch.toml": QUICK + '[jobs.long]\ncommand = ["sleep", "60"]\n'})
    project.launch("quick")
    assert "hx-trigger" not in visit(project.root).get("/").text
    run = project.json("launch", "long")["id"]
    page = visit(project.root).get("/").text
    [live] = re.findall(r'id="(last-\d+)" hx-get="/" hx-trigger="every', page)
    assert live == "last-2"
    project.confjob("cancel", run)
    assert "hx-trigger" not in visit(project.root).get("/").text


def test_what_was_launched_by_its_path_is_listed_too(visit, project):
    project.write({"launch.toml": QUICK, "sub/train me.py": "print(1)\n"})
    project.launch("sub/train me.py")
    page = visit(project.root).get("/").text
    assert "Launched by their path" in page
    assert 'href="/jobs/sub/train%20me.py"' in page


def test_without_a_manifest_the_page_tells_what_could_be_declared(visit, project):
    project.write(
        {
            "train.py": "import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr', type=float)\np.parse_args()\n"
        }
    )
    page = visit(project.root).get("/")
    assert page.status_code == 200
    assert "There is no launch.toml here" in page.text
    assert "python train.py" in page.text
    assert "confjob init" in page.text


def test_an_empty_folder_and_an_empty_manifest_are_no_error(visit, project):
    assert "There is no launch.toml here" in visit(project.root).get("/").text
    project.write({"launch.toml": ""})
    assert "declares no job" in visit(project.root).get("/").text


def test_a_wrong_manifest_is_a_page_with_every_place_and_hint(visit, project):
    project.write({"launch.toml": '[jobs.a]\ncomand = ["x"]\n[jobs.b]\ncommand = 3\n'})
    answer = visit(project.root).get("/")
    assert answer.status_code == 422
    for text in ("launch.toml:2:10", "unknown key", "did you mean", "launch.toml:4:11"):
        assert text in answer.text


def test_a_manifest_that_is_no_toml_is_a_page_too(visit, project):
    project.write({"launch.toml": "[jobs\n"})
    answer = visit(project.root).get("/")
    assert answer.status_code == 422
    assert "launch.toml" in answer.text


def test_the_manifest_is_read_again_for_each_page(visit, project):
    client = visit(project.root)
    project.write({"launch.toml": QUICK})
    assert ">quick<" in client.get("/").text
    project.write({"launch.toml": QUICK.replace("quick]", "slow]")})
    assert ">slow<" in client.get("/").text


def test_a_read_only_page_has_no_launch_button(visit, project):
    project.write({"launch.toml": QUICK})
    assert "Launch<" in visit(project.root).get("/").text
    page = visit(project.root, read_only=True).get("/").text
    assert "Launch<" not in page
    assert "read-only" in page


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_makes_the_same_page_as_tame_text(visit, project, text):
    def shape(words):
        project.write(
            {
                "launch.toml": f'[jobs."{basic(words)}"]\ncommand = ["{basic(words)}"]\ndescription = "{basic(words)}"\n'
            }
        )
        answer = visit(project.root).get("/")
        assert answer.status_code == 200, answer.text
        return Shape(answer.text).tags, answer.text

    tame, _ = shape("tame")
    found, page = shape(text)
    assert found == tame
    assert "\u202e" not in page
    assert "\x1b" not in page


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_a_refusal_makes_the_same_page_as_tame_text(visit, project, text):
    def shape(words):
        project.write({"launch.toml": f'[jobs.a]\ncommand = ["true"]\n"{basic(words)}" = 1\n'})
        return Shape(visit(project.root).get("/").text).tags

    assert shape(text) == shape("tame")


@pytest.mark.parametrize("name", ["a b", "a/b", "train.py:train", "ä", "100%", "a?b#c", "a//b"])
def test_the_address_of_a_job_leads_to_it_whatever_it_is_called(visit, project, name):
    project.write({"launch.toml": f'[jobs."{name}"]\ncommand = ["true"]\n'})
    page = visit(project.root).get("/").text
    from urllib.parse import unquote

    addresses = set(re.findall(r'href="/jobs/([^"]*)"', page))
    assert {unquote(each) for each in addresses} == {name}
    assert not [each for each in addresses if set(each) & set("?# ")]


def test_a_job_is_opened_by_its_name(visit, project):
    client = visit(project.root)
    answer = client.get("/open", params={"job": " train.py:train "}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/jobs/train.py:train")
    assert client.get("/open?job=", follow_redirects=False).headers["location"] == "/"
