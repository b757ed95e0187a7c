import hashlib
import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest
from starlette.routing import Route

from confjob.web.app import create_app
from confjob.web.site import Site
from confjob.web.templating import STATIC

TEMPLATES = Path(str(files("confjob.web") / "templates"))


def templates():
    return [pytest.param(path, id=path.name) for path in sorted(TEMPLATES.glob("*.html"))]


class Elements(HTMLParser):
    """Collects the elements of a page, and the text inside scripts and styles."""

    def __init__(self):
        super().__init__()
        self.found = []
        self.inside = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.found and self.found[-1][0] in ("script", "style"):
            self.inside.append(data.strip())


def elements(text):
    parser = Elements()
    parser.feed(text)
    return parser


@pytest.mark.parametrize("path", templates())
def test_no_template_has_a_script_or_a_style_of_its_own(path):
    # Jinja's own tags can stand in a tag; they are no HTML.
    text = re.sub(r"\{[%#{].*?[%#}]\}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    page = elements(text)
    assert [text for text in page.inside if text] == []
    for tag, attributes in page.found:
        assert tag not in ("style", "iframe", "object", "embed", "base"), tag
        own = [name for name in attributes if name == "style" or name.startswith(("on", "hx-on", "hx-vals"))]
        assert own == [], (tag, own)
        for name in ("href", "src", "action", "hx-get", "hx-post"):
            address = attributes.get(name) or ""
            assert not address.startswith("//"), (tag, attributes)
            assert ":" not in address.partition("?")[0], (tag, attributes)


@pytest.mark.parametrize("path", templates())
def test_no_template_turns_escaping_off_for_a_value(path):
    text = path.read_text(encoding="utf-8")
    assert "autoescape" not in text
    # A text in the template itself may be markup; a value may not.
    assert not re.search(r"\|\s*safe\b", text.replace("' | safe", ""))


@pytest.mark.parametrize(
    "path",
    [pytest.param(p, id=p.name) for p in sorted(STATIC.iterdir()) if p.suffix in (".css", ".js", ".svg")],
)
def test_no_static_file_names_another_server(path):
    text = path.read_text(encoding="utf-8")
    urls = set(re.findall(r"(?:https?:)?//[a-z][\w.-]+\.[a-z]{2,}[^\s\"')]*", text)) - {
        "http://www.w3.org/2000/svg"
    }
    assert path.name == "htmx.min.js" or not urls
    assert "@import" not in text


@pytest.mark.parametrize(
    "path", [pytest.param(p, id=p.name) for p in sorted(STATIC.glob("*.js")) if p.name != "htmx.min.js"]
)
def test_no_script_of_ours_evaluates_or_writes_markup(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(
        r"\beval\(|new Function|innerHTML|outerHTML\s*=|insertAdjacentHTML|document\.write", text
    )


def test_htmx_is_shipped_unchanged_with_its_licence():
    digest = hashlib.sha256((STATIC / "htmx.min.js").read_bytes()).hexdigest()
    assert digest == "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"
    assert "Zero-Clause BSD" in (STATIC / "htmx.LICENSE.txt").read_text(encoding="utf-8")


def test_the_pages_tell_htmx_to_evaluate_nothing(visit, project):
    page = visit(project.root).get("/").text
    [config] = [
        a["content"] for tag, a in elements(page).found if tag == "meta" and a.get("name") == "htmx-config"
    ]
    assert '"allowEval":false' in config
    assert '"includeIndicatorStyles":false' in config
    assert '"selfRequestsOnly":true' in config


def test_every_static_file_that_a_page_names_is_there(visit, project):
    client = visit(project.root)
    found = elements(client.get("/").text).found
    named = [a.get("src") or a.get("href") for tag, a in found if tag in ("script", "link")]
    assert len(named) >= 4
    for address in named:
        answer = client.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]


def test_every_page_has_one_main_part_a_heading_and_a_language(visit, project):
    client = visit(project.root)
    for address in ("/", "/runs", "/queue", "/no-such-page"):
        found = elements(client.get(address).text).found
        tags = [tag for tag, _ in found]
        assert (tags.count("main"), tags.count("h1")) == (1, 1), address
        assert found[0] == ("html", {"lang": "en"}), address


@pytest.mark.parametrize(
    ("cookie", "said"), [("dark", "dark"), ("light", "light"), ("x onload=a", None), ("", None)]
)
def test_the_colours_that_one_chose_are_there_from_the_first_byte_on(visit, project, cookie, said):
    client = visit(project.root)
    client.cookies.set("confjob-theme", cookie, domain="127.0.0.1")
    assert elements(client.get("/").text).found[0][1].get("data-theme") == said


def test_no_page_hides_another(tmp_path):
    routes = create_app(Site(directory=tmp_path, token="x" * 22)).routes
    asked = [(route.path, method) for route in routes if isinstance(route, Route) for method in route.methods]
    assert len(asked) == len(set(asked))


def test_an_unknown_page_leads_on(visit, project):
    answer = visit(project.root).get("/no-such-page")
    assert answer.status_code == 404
    assert 'href="/runs"' in answer.text


def test_a_part_of_a_page_that_is_refused_is_answered_by_a_part(visit, project):
    project.write({"launch.toml": "[jobs.a]\n"})
    client = visit(project.root)
    part = client.get("/", headers={"HX-Request": "true"})
    whole = client.get("/")
    assert (part.status_code, whole.status_code) == (422, 422)
    assert "<html" not in part.text
    assert "<html" in whole.text
    assert "launch.toml:1:1" in part.text
