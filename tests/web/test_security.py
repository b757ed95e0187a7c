import asyncio
import hmac
import itertools
import re
from types import SimpleNamespace
from urllib.parse import quote, unquote

import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from confjob.web import security
from confjob.web.app import create_app
from confjob.web.site import Site

TOKEN = "t0ken-of-the-tests-of-the-web"
HOST = "127.0.0.1:8765"
COOKIE = {"cookie": f"confjob-8765={TOKEN}"}
OTHER = "http://evil.example"


class Answer:
    def __init__(self, sent):
        self.status = sent[0]["status"]
        self.raw = sent[0]["headers"]
        self.headers = {name.decode().lower(): value.decode() for name, value in self.raw}
        self.body = b"".join(message.get("body", b"") for message in sent[1:])
        self.text = self.body.decode("utf-8", "replace")


def ask(
    app, path, *, method="GET", host=HOST, headers=(), body=(b"",), scheme="http", breaks_off=False, sent=None
):
    """Ask an application as a server hands it what came over the wire: no client tidies the path."""
    pairs = dict(headers).items() if not isinstance(headers, list) else headers
    raw, _, query = path.partition("?")
    lines = [(b"host", host.encode())] if isinstance(host, str) else [(b"host", h.encode()) for h in host]
    pieces = list(body)
    messages = [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces) - 1 or breaks_off}
        for number, piece in enumerate(pieces)
    ]
    sent = [] if sent is None else sent

    async def receive():
        if messages:
            return messages.pop(0)
        if breaks_off:
            return {"type": "http.disconnect"}
        return await asyncio.Future()

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": scheme,
        "path": unquote(raw),
        "raw_path": raw.encode(),
        "query_string": query.encode(),
        "headers": [*lines, *((name.lower().encode(), value.encode()) for name, value in pairs)],
        "server": ("127.0.0.1", 8765),
        "client": ("127.0.0.1", 1),
    }
    asyncio.run(asyncio.wait_for(app(scope, receive, send), 20))
    return Answer(sent)


@pytest.fixture
def site(tmp_path):
    (tmp_path / "launch.toml").write_text('[jobs.train]\ncommand = ["true"]\n')
    return Site(directory=tmp_path, token=TOKEN)


@pytest.fixture
def app(site):
    return create_app(site)


# Who is meant: DNS rebinding


@pytest.mark.parametrize("path", ["/", "/static/confjob.css", "/api/jobs", f"/?token={TOKEN}"])
@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8765", "127.0.0.1.evil.example", "localhost.evil.example:8765"),
        *("127.0.0.2", "0.0.0.0", "[::2]", "localhost@evil.example", "localhost:8765:1", "localhost.", ""),
        *("127.1", "2130706433", "127.0.0.1:", "127.0.0.1 evil.example", "[::1"),
    ],
)
def test_a_name_that_is_not_the_servers_is_refused_even_with_the_token(app, path, host):
    answer = ask(app, path, host=host, headers=COOKIE)
    assert answer.status == 403
    assert "set-cookie" not in answer.headers
    assert "train" not in answer.text


def test_two_hosts_or_none_are_refused(app):
    assert ask(app, "/", host=[HOST, "evil.example"], headers=COOKIE).status == 403
    assert ask(app, "/", host=[], headers=COOKIE).status == 403


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
@pytest.mark.parametrize("port", ["", ":1", ":8765", ":65535"])
def test_the_loopbacks_names_are_served_at_any_port(app, name, port):
    answer = ask(app, f"/?token={TOKEN}", host=name + port)
    assert answer.status == 303
    cookie = answer.headers["set-cookie"].partition(";")[0]
    assert ask(app, "/", host=name + port, headers={"cookie": cookie}).status == 200


def test_another_name_is_served_when_it_is_allowed(site):
    app = create_app(Site(directory=site.directory, token=TOKEN, hosts=("confjob.example.org",)))
    shown = {"authorization": f"Bearer {TOKEN}"}
    assert ask(app, "/", host="confjob.example.org", headers=shown).status == 200
    assert ask(app, "/", host="Confjob.Example.ORG:443", headers=shown).status == 200
    assert ask(app, "/", host="x.confjob.example.org", headers=shown).status == 403


# Who asks: the token


@pytest.mark.parametrize(
    "path", ["/", "/runs", "/queue", "/jobs/train", "/api/jobs", "/api/openapi.json", "/no"]
)
@pytest.mark.parametrize(
    "shown",
    [
        {},
        {"cookie": "confjob-8765="},
        {"cookie": "confjob-8765=wrong"},
        {"cookie": f"confjob-8766={TOKEN}"},
        {"cookie": f"confjob-8765={TOKEN}x"},
        {"cookie": f"confjob-8765={TOKEN[:-1]}"},
        {"cookie": "confjob-8765=\u00e9"},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": TOKEN},
        {"authorization": "Bearer "},
    ],
)
def test_without_the_token_nothing_of_the_project_is_told(app, path, shown):
    answer = ask(app, path, headers=shown)
    assert answer.status == 401
    assert "train" not in answer.text
    assert TOKEN not in answer.text


def test_a_wrong_bearer_is_not_made_good_by_a_cookie(app):
    assert ask(app, "/", headers={**COOKIE, "authorization": "Bearer wrong"}).status == 401


@pytest.mark.parametrize("wrong", ["", "wrong", TOKEN[:-1], TOKEN + "0", "\u00e9", TOKEN.upper()])
def test_a_wrong_token_in_the_address_lets_nobody_in(app, wrong):
    answer = ask(app, f"/?token={quote(wrong)}")
    assert answer.status == 401
    assert "set-cookie" not in answer.headers


def test_an_old_link_does_no_harm_in_a_browser_that_is_let_in(app):
    answer = ask(app, "/runs?token=of-yesterday&job=a", headers=COOKIE)
    assert (answer.status, answer.headers["location"]) == (303, "/runs?job=a")


def test_tokens_are_compared_in_constant_time(app, monkeypatch):
    compared = []

    def compare(one, other):
        compared.append((one, other))
        return hmac.compare_digest(one, other)

    monkeypatch.setattr(security, "hmac", SimpleNamespace(compare_digest=compare))
    assert ask(app, "/", headers=COOKIE).status == 200
    assert ask(app, "/", headers={"authorization": "Bearer x"}).status == 401
    assert ask(app, "/?token=y").status == 401
    assert [one for one, _ in compared][:3] == [TOKEN.encode(), b"x", b"y"]


def test_the_token_becomes_a_strict_cookie_and_leaves_the_address(app):
    answer = ask(app, f"/runs?job=a%26b&token={TOKEN}&tag=x")
    assert (answer.status, answer.headers["location"]) == (303, "/runs?job=a%26b&tag=x")
    name, *attributes = answer.headers["set-cookie"].split("; ")
    assert name == f"confjob-8765={TOKEN}"
    assert {each.lower() for each in attributes} == {"httponly", "path=/", "samesite=strict"}
    assert answer.headers["cache-control"] == "no-store"


def test_behind_tls_the_cookie_is_kept_to_it(app):
    assert "secure" in ask(app, f"/?token={TOKEN}", scheme="https").headers["set-cookie"].lower()


def test_two_servers_on_one_name_have_a_cookie_each(app):
    names = {ask(app, f"/?token={TOKEN}", host=f"localhost{port}").headers["set-cookie"].partition("=")[0]
             for port in ("", ":1", ":2")}  # fmt: skip
    assert len(names) == 3


@pytest.mark.parametrize(
    "path",
    ["//evil.example/", "/\\evil.example/", "///evil.example", "/%2f/evil.example", "/%5cevil.example"],
)
def test_dropping_the_token_never_leads_elsewhere(app, path):
    location = ask(app, f"{path}?token={TOKEN}").headers["location"]
    assert re.match(r"/[^/\\]", location), location


@pytest.mark.parametrize("path", ["/a%0d%0aset-cookie:%20a=b", "/a%0aX-Evil:%201", "/a%00"])
@pytest.mark.parametrize("query", ["", "&x=%0d%0aset-cookie:%20a=b"])
def test_no_header_is_injected_by_an_address(app, path, query):
    answer = ask(app, f"{path}?token={TOKEN}{query}")
    assert all(not set(value) & set(b"\r\n\0") for _, value in answer.raw)
    assert len([name for name, _ in answer.raw if name == b"set-cookie"]) == 1


def test_no_header_is_injected_by_a_jobs_name(app):
    answer = ask(app, "/open?job=a%0d%0aX-Evil:%201%0d%0a%0d%0a<script>", headers=COOKIE)
    assert answer.status == 303
    assert "x-evil" not in answer.headers
    assert all(not set(value) & set(b"\r\n\0<") for _, value in answer.raw)


@pytest.mark.parametrize("job", ["//evil.example", "/\\evil.example", "http://evil.example"])
def test_opening_a_job_by_name_never_leads_elsewhere(app, job):
    location = ask(app, f"/open?job={quote(job, safe='')}", headers=COOKIE).headers["location"]
    assert location.startswith("/jobs/")


def test_a_link_on_another_page_leads_in_once_it_is_asked_for_from_here(app):
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    # A strict cookie is kept back at first, so that the browser has to ask again by itself.
    assert ask(app, "/runs", headers=link).headers["refresh"] == "0"
    assert "refresh" not in ask(app, "/runs", headers={**link, "sec-fetch-site": "same-origin"}).headers


# Who sends it: other pages


def post(app, headers, path="/api/jobs/train/plan"):
    return ask(app, path, method="POST", headers={"content-type": "application/json", **headers})


@pytest.mark.parametrize(
    "origin",
    [
        *(OTHER, "null", "", "http://127.0.0.1", "http://127.0.0.1:8766", "http://localhost:8765"),
        *("http://127.0.0.1:8765.evil.example", "http://127.0.0.1:8765/", "file://", "http://[", HOST),
        "javascript://127.0.0.1:8765",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE"])
def test_another_origin_is_refused_whatever_it_asks(app, method, origin):
    for path in ("/", "/api/jobs", "/api/jobs/train/plan", "/static/confjob.css"):
        assert ask(app, path, method=method, headers={**COOKIE, "origin": origin}).status == 403


def test_two_origins_are_refused(app):
    pairs = [*COOKIE.items(), ("origin", f"http://{HOST}"), ("origin", OTHER)]
    assert ask(app, "/", method="POST", headers=pairs).status == 403


def test_a_browser_that_changes_something_has_to_say_where_it_is(app):
    assert post(app, COOKIE).status == 403
    assert post(app, {**COOKIE, "origin": f"http://{HOST}"}).status == 200
    assert post(app, {**COOKIE, "origin": f"https://{HOST}"}).status == 200


def test_a_program_that_shows_the_token_itself_need_not(app):
    shown = {"authorization": f"Bearer {TOKEN}"}
    assert post(app, shown).status == 200
    assert post(app, {**shown, "origin": OTHER}).status == 403


_SITES = ("same-origin", "none", "same-site", "cross-site", "nonsense")
_MODES = ("navigate", "cors", "no-cors", "same-origin")
_DESTS = ("document", "iframe", "image", "script", "empty", "object")


@pytest.mark.parametrize(("site_", "mode", "dest"), list(itertools.product(_SITES, _MODES, _DESTS)))
def test_of_another_site_only_a_link_that_is_followed_is_served(app, site_, mode, dest):
    headers = {**COOKIE, "sec-fetch-site": site_, "sec-fetch-mode": mode, "sec-fetch-dest": dest}
    own = site_ in ("same-origin", "none")
    followed = mode == "navigate" and dest == "document"
    assert ask(app, "/api/jobs", headers=headers).status == (200 if own or followed else 403)
    assert post(app, {**headers, "origin": f"http://{HOST}"}).status == (200 if own else 403)


@pytest.mark.parametrize("path", ["/", "/api/jobs/train/launch", "/static/confjob.js"])
def test_no_other_origin_is_ever_allowed(app, path):
    preflight = {
        "origin": OTHER,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }
    for headers in (preflight, COOKIE, {**COOKIE, "origin": f"http://{HOST}"}):
        for method in ("OPTIONS", "GET", "HEAD"):
            answer = ask(app, path, method=method, headers=headers)
            assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_websocket_is_closed_unheard(app):
    sent = []

    async def send(message):
        sent.append(message["type"])

    async def receive():
        return {"type": "websocket.connect"}

    for path in ("/", "/static/confjob.js", "/api/jobs"):
        asyncio.run(app({"type": "websocket", "path": path, "headers": []}, receive, send))
    assert sent == ["websocket.close"] * 3


# What the browser may do with the answer


def answers(app):
    """Return an answer of every kind."""
    own = {**COOKIE, "origin": f"http://{HOST}"}
    return {
        "page": ask(app, "/", headers=COOKIE),
        "json": ask(app, "/api/jobs", headers=COOKIE),
        "static": ask(app, "/static/confjob.css"),
        "redirect": ask(app, f"/?token={TOKEN}"),
        "no token": ask(app, "/"),
        "no host": ask(app, "/", host="evil.example"),
        "not found": ask(app, "/no", headers=COOKIE),
        "no static": ask(app, "/static/no"),
        "no method": ask(app, "/", method="DELETE", headers=own),
        "too large": ask(app, "/", method="POST", headers={**own, "content-length": "99999999"}),
        "refused": ask(app, "/api/runs?limit=0", headers=COOKIE),
        "options": ask(app, "/", method="OPTIONS", headers=own),
        "head": ask(app, "/", method="HEAD", headers=COOKIE),
    }


def test_every_answer_has_every_safe_header(app):
    for kind, answer in answers(app).items():
        for name, value in security.HEADERS.items():
            assert answer.headers.get(name.lower()) == value, (kind, name)
        assert "cache-control" in answer.headers, kind
        assert "server" not in answer.headers, kind


def test_the_policy_lets_nothing_in_but_what_is_shipped():
    policy = dict(part.split(" ", 1) for part in security.HEADERS["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }


def test_a_referrer_tells_other_sites_nothing_and_leaves_the_origin_of_a_form(app):
    # `no-referrer` would make browsers say `Origin: null` when a form is sent, as strangers do.
    assert ask(app, "/", headers=COOKIE).headers["referrer-policy"] == "same-origin"


def test_no_answer_holds_the_token(app):
    for kind, answer in answers(app).items():
        assert TOKEN not in answer.text, kind
        told = {name: value for name, value in answer.headers.items() if name != "set-cookie"}
        assert TOKEN not in str(told), kind


def test_pages_are_kept_by_no_cache_between_and_files_with_their_digest_by_all(app):
    assert ask(app, "/", headers=COOKIE).headers["cache-control"] == "private, no-cache"
    assert "immutable" in ask(app, "/static/confjob.css?v=1").headers["cache-control"]
    assert ask(app, "/static/confjob.css").headers["cache-control"] == "private, no-cache"


def test_a_head_is_a_get_without_its_body(app):
    get, head = (ask(app, "/", method=method, headers=COOKIE) for method in ("GET", "HEAD"))
    assert (head.status, head.headers) == (200, get.headers)


def test_a_fault_of_our_own_tells_nothing_of_its_cause(site):
    app = create_app(site)

    async def broken(request):
        raise RuntimeError("s3cret")

    app.router.routes.insert(0, Route("/broken", broken))
    sent = []
    with pytest.raises(RuntimeError):  # the server's log has it
        ask(app, "/broken", headers=COOKIE, sent=sent)
    answer = Answer(sent)
    assert answer.status == 500
    assert "s3cret" not in answer.text
    assert answer.headers["content-security-policy"]


# How much may be asked


OWN = {**COOKIE, "origin": f"http://{HOST}", "content-type": "application/json"}
PLAN = "/api/jobs/train/plan"


def test_a_body_that_says_it_is_too_large_is_not_read(app):
    length = {"content-length": str(security.BODY_LIMIT + 1)}
    assert ask(app, PLAN, method="POST", headers={**OWN, **length}, body=[]).status == 413


@pytest.mark.parametrize("length", ["-1", "abc", "1e3", "\u0661", "9" * 30, "9" * 5000])
def test_a_length_that_is_none_is_refused(app, length):
    pairs = [*OWN.items(), ("content-length", length)] if length.isascii() else [*OWN.items()]
    status = ask(app, PLAN, method="POST", headers=pairs, body=[b"{}"]).status
    assert status == (413 if length.isascii() else 200)


def test_a_body_that_grows_too_large_is_cut_short(app):
    piece = b" " * 2**20
    assert ask(app, PLAN, method="POST", headers=OWN, body=[piece] * 5).status == 413
    assert ask(app, PLAN, method="POST", headers=OWN, body=[piece] * 3 + [b"{}"]).status == 200


def test_a_body_that_does_not_arrive_is_not_waited_for(site):
    slow = create_app(site)
    slow.user_middleware[0].kwargs["body_time"] = 0.05
    sent_in_time = ask(slow, PLAN, method="POST", headers=OWN, body=[b"{}"])
    assert sent_in_time.status == 200
    assert ask(slow, PLAN, method="POST", headers=OWN, body=[]).status == 408


def test_a_body_that_breaks_off_is_no_request(app):
    assert ask(app, PLAN, method="POST", headers=OWN, body=[b"{"], breaks_off=True).status == 400


def test_the_body_arrives_whole_and_once(site):
    app = create_app(site)

    async def echo(request):
        return PlainTextResponse(await request.body())

    app.router.routes.insert(0, Route("/echo", echo, methods=["POST"]))
    pieces = [b"a", b"", b"bc", b"\0\xff"]
    assert ask(app, "/echo", method="POST", headers=OWN, body=pieces).body == b"abc\0\xff"


# Where it leads: files


_DOTS = ["../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..\\", "..%5c", "....//", "%252e%252e%252f", "..;/", "/"]


@pytest.mark.parametrize("dots", _DOTS)
@pytest.mark.parametrize("name", ["site.py", "templates/base.html", "etc/passwd", "launch.toml"])
def test_no_path_leads_out_of_the_static_files(app, dots, name):
    for depth in (1, 2, 9):
        answer = ask(app, f"/static/{dots * depth}{name}", headers=COOKIE)
        assert answer.status == 404
        assert "import" not in answer.text
        assert "root:" not in answer.text


def test_a_folder_of_static_files_is_not_listed(app):
    paths = ("/static", "/static/", "/static/.", "/static//")
    assert {ask(app, path, headers=COOKIE).status for path in paths} == {404}


@pytest.mark.parametrize("dots", _DOTS)
@pytest.mark.parametrize("end", ["", "/log"])
def test_no_path_leads_out_of_the_runs(site, dots, end):
    secret = site.directory / ".confjob" / "secret"
    (site.directory / ".confjob" / "runs").mkdir(parents=True)
    secret.mkdir()
    (secret / "run.json").write_text('{"id": "s3cret"}')
    (secret / "output.log").write_text("s3cret")
    for run in (f"{dots}secret", f"{dots}{dots}", dots.rstrip("/") or "."):
        answer = ask(create_app(site), f"/api/runs/{run}{end}", headers=COOKIE)
        assert answer.status in (404, 422)
        assert "s3cret" not in answer.text


@pytest.mark.parametrize(
    "job", ["..%2foutside.py", "%2e%2e/outside.py", "/{outside}", "sub/..%2f..%2foutside.py"]
)
@pytest.mark.parametrize("end", ["", "/schema"])
def test_no_path_leads_to_a_script_outside_of_the_project(tmp_path, job, end):
    project = tmp_path / "project"
    (project / "sub").mkdir(parents=True)
    (project / "launch.toml").write_text("")
    outside = tmp_path / "outside.py"
    outside.write_text("def train(s3cret: int = 1): ...\n")
    app = create_app(Site(directory=project, token=TOKEN))
    asked = job.replace("{outside}", quote(str(outside)))
    for name in (asked, f"{asked}:train"):
        answer = ask(app, f"/api/jobs/{name}{end}", headers=COOKIE)
        assert answer.status in (404, 422), answer.text
        assert "s3cret" not in answer.text


# A server that shows and changes nothing


def test_a_read_only_server_refuses_whatever_changes_something(site):
    app = create_app(Site(directory=site.directory, token=TOKEN, read_only=True))
    for path in (
        "/jobs/train",
        "/runs/x/cancel",
        "/runs/x/retry",
        "/api/jobs/train/launch",
        "/api/runs/x/cancel",
        "/no",
    ):
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            assert ask(app, path, method=method, headers=OWN).status == 403
    for job in ("a/plan", "plan", "api/jobs/x/plan"):  # a job's name is no way around
        assert ask(app, f"/jobs/{job}", method="POST", headers=OWN).status == 403
    assert ask(app, PLAN, method="POST", headers=OWN).status == 200
    assert ask(app, "/", headers=COOKIE).status == 200
