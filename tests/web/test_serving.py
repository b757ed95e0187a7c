import http.client
import re
import signal
import socket
import stat
import subprocess
import sys
import time

import pytest

from confjob.errors import ConfjobError
from confjob.web import browser
from confjob.web.serving import listen
from confjob.web.tokens import kept_token, new_token

QUICK = '[jobs.quick]\ncommand = ["true"]\n'


class Served:
    """`confjob ui` as a user starts it."""

    def __init__(self, project, *options):
        self.process = project.start("ui", "--no-browser", *options)
        self.line = self.process.stdout.readline().strip()
        found = re.fullmatch(r"http://(.+):(\d+)/(?:\?token=(.+))?", self.line)
        assert found, self.line + self.process.stderr.read()
        self.host, self.port, self.token = found[1], int(found[2]), found[3]

    def get(self, path, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def end(self, by=signal.SIGINT):
        """End it; returns the exit code, the seconds it took, and all else that it printed."""
        began = time.monotonic()
        self.process.send_signal(by)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, time.monotonic() - began, out + err


@pytest.fixture
def serve(project):
    project.write({"launch.toml": QUICK})
    started = []

    def start(*options):
        started.append(Served(project, *options))
        return started[-1]

    yield start
    for served in started:
        if served.process.poll() is None:
            served.process.kill()
        served.process.communicate()


def test_the_printed_address_lets_in_and_nothing_else_does(serve):
    served = serve("--port", "0")
    assert served.host == "127.0.0.1"
    assert len(served.token) >= 22
    assert served.get("/")[0] == 401
    assert served.get(f"/?token={served.token}")[0] == 303
    status, page = served.get("/", Cookie=f"confjob-{served.port}={served.token}")
    assert status == 200
    assert "quick" in page
    assert served.get("/", Host="evil.example")[0] == 403


def test_the_token_is_printed_once_and_in_no_log(serve):
    served = serve("--port", "0")
    for path in (f"/?token={served.token}", f"/no?token={served.token}x", "/%00", "/?token=a%0ab"):
        served.get(path)
    with socket.create_connection(("127.0.0.1", served.port)) as raw:
        raw.sendall(f"GET /?token={served.token} HTTP/9.9\r\n\r\n".encode())
        raw.recv(1000)
    code, _, told = served.end()
    assert code == 0
    assert served.token not in told


def test_each_server_has_a_token_of_its_own(serve):
    one, other = serve("--port", "0"), serve("--port", "0")
    assert one.token != other.token
    assert other.get("/", Authorization=f"Bearer {one.token}")[0] == 401


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_at_once_and_well(serve, by):
    code, seconds, told = serve("--port", "0").end(by)
    assert code == 0
    assert seconds < 5
    assert "Traceback" not in told


def test_it_ends_at_once_with_open_streams_and_half_requests(serve, project):
    run = project.launch("quick")["id"]
    log = project.root / ".confjob" / "runs" / run / "attempts" / "1" / "output.log"
    log.write_bytes(b"x" * 64 * 2**20)
    served = serve("--port", "0")
    head = f"Host: 127.0.0.1:{served.port}\r\nAuthorization: Bearer {served.token}\r\n"
    streamed, half, idle = (socket.create_connection(("127.0.0.1", served.port)) for _ in range(3))
    with streamed, half, idle:
        streamed.sendall(f"GET /api/runs/{run}/log HTTP/1.1\r\n{head}\r\n".encode())
        assert streamed.recv(20).startswith(b"HTTP/1.1 200")  # and no more is taken of it
        half.sendall(f"POST /api/jobs/quick/plan HTTP/1.1\r\n{head}Content-Length: 9\r\n\r\n".encode())
        time.sleep(0.5)
        code, seconds, told = served.end()
    assert code == 0
    assert seconds < 5
    assert "Traceback" not in told


def test_a_port_that_is_taken_is_refused_with_a_way_out(project):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = project.told("ui", "--no-browser", "--port", str(port), code=1)
    assert f"port {port} of 127.0.0.1 is taken" in told
    assert "--port 0" in told


def test_the_usual_port_gives_way_where_it_is_taken(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr("confjob.web.serving.PORT", taken.getsockname()[1])
        place = listen("127.0.0.1", None)
        with place.socket:
            assert place.port not in (0, taken.getsockname()[1])


def test_a_host_that_is_not_this_machines_is_refused():
    with pytest.raises(ConfjobError, match=r"can't listen at 192\.0\.2\.1"):
        listen("192.0.2.1", 0)


def test_only_the_loopback_is_local():
    for host, local in (("127.0.0.1", True), ("localhost", True), ("0.0.0.0", False)):
        place = listen(host, 0)
        with place.socket:
            assert place.is_local is local
            address = place.address
    assert address == f"http://{socket.gethostname().lower()}:{place.port}/"


def test_beyond_this_machine_a_token_is_demanded_and_tls_is_named(serve):
    served = serve("--port", "0", "--host", "0.0.0.0")
    name = f"{socket.gethostname()}:{served.port}"
    assert served.get("/", Host=name)[0] == 401
    assert served.get("/", Host=name, Authorization=f"Bearer {served.token}")[0] == 200
    assert served.get("/", Host="evil.example", Authorization=f"Bearer {served.token}")[0] == 403
    assert "TLS" in served.end()[2]


def test_a_name_of_a_proxy_is_allowed_when_it_is_said(serve):
    served = serve("--port", "0", "--allow-host", "Confjob.example.org")
    shown = {"Authorization": f"Bearer {served.token}"}
    assert served.get("/", Host="confjob.example.org", **shown)[0] == 200


# The token in a file


def test_a_token_file_is_made_for_its_owner_alone_and_kept(serve, tmp_path):
    path = tmp_path / "token"
    served = serve("--port", "0", "--token-file", str(path))
    token = path.read_text().strip()
    assert served.token is None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert served.get("/", Authorization=f"Bearer {token}")[0] == 200
    told = served.end()[2]
    assert token not in told
    assert str(path) in told
    assert serve("--port", "0", "--token-file", str(path)).get("/", Authorization=f"Bearer {token}")[0] == 200


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o666])
def test_a_token_file_that_others_may_read_or_change_is_refused(tmp_path, mode):
    path = tmp_path / "token"
    path.write_text(new_token())
    path.chmod(mode)
    with pytest.raises(ConfjobError) as refused:
        kept_token(path)
    assert refused.value.hint == f"chmod 600 {path}"


@pytest.mark.parametrize(
    "content", [b"", b"short", b"\xff" * 30, b"has spaces in it but is long enough", b"a" * 300]
)
def test_a_file_without_a_token_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "token"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ConfjobError, match="it holds no token"):
        kept_token(path)
    assert path.read_bytes() == content


def test_a_token_file_that_cannot_be_made_is_refused(tmp_path):
    with pytest.raises(ConfjobError, match="No such file"):
        kept_token(tmp_path / "missing" / "token")


def test_tokens_are_long_and_differ():
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(re.fullmatch(r"[\w-]{32}", token) for token in tokens)


# The browser


def test_the_browser_is_led_there_by_a_file_of_ones_own(monkeypatch):
    opened = []
    monkeypatch.setattr(browser.webbrowser, "open", opened.append)
    page = browser.show("http://127.0.0.1:1/?token=s3cret&<x>")
    try:
        assert opened == [page.as_uri()]
        assert stat.S_IMODE(page.stat().st_mode) == 0o600
        assert "url=http://127.0.0.1:1/?token=s3cret&amp;&lt;x&gt;" in page.read_text()
    finally:
        page.unlink()


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac always has a screen")
def test_a_browser_is_opened_only_before_a_screen():
    assert browser.has_browser({"DISPLAY": ":0"})
    assert browser.has_browser({"WAYLAND_DISPLAY": "wayland-0"})
    assert not browser.has_browser({})
    assert not browser.has_browser({"DISPLAY": ":10", "SSH_CONNECTION": "a"})


def test_without_the_extra_the_way_to_it_is_told(project):
    code = (
        "import sys, importlib.util as u; find = u.find_spec;"
        "u.find_spec = lambda name, *a: None if name in ('starlette', 'uvicorn') else find(name, *a);"
        "from confjob.__main__ import main; main(['ui'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project.root,
        env=project.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "starlette, uvicorn" in done.stderr
    assert "pip install 'confjob[ui]'" in done.stderr


def test_only_serving_imports_the_extra():
    code = (
        "import sys, confjob.cli.ui; from confjob.__main__ import run; run(['ui', '--help']);"
        "print([m for m in ('starlette', 'uvicorn', 'jinja2', 'anyio') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
