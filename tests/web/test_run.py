"""The page of one run: what it tells, the log it follows, the files it lets out."""

import re
import time

import pytest

MANIFEST = """
[jobs.train]
command = ["python", "train.py"]
[[jobs.train.files]]
path = "c.yaml"
[[jobs.train.files]]
path = "s.yaml"
secret = ["token"]

[jobs.sleep]
command = ["sh", "-c", "echo begun; sleep 60"]

[jobs.fail]
command = ["sh", "-c", "echo oh no; exit 3"]
"""


@pytest.fixture
def train(project):
    files = {
        "launch.toml": MANIFEST,
        "c.yaml": "lr: 0.5\n",
        "s.yaml": "token: hunter2\n",
        "train.py": "print('hi')\n",
    }
    return project.write(files)


def folder_of(train, run):
    return train.root / ".confjob/runs" / run


def text_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", page.text))


# -- what it tells ---------------------------------------------------------------------------


def test_the_page_tells_what_status_tells(train, visit):
    run = train.launch("train", "--set", "lr=0.8", "--name", "first", "--note", "a remark", "--tag", "t1")
    told = text_of(visit(train.root).get(f"/runs/{run['id']}"))
    for words in (
        "first",
        "Succeeded",
        run["id"],
        "a remark",
        "t1",
        "lr",
        "0.5 → 0.8",
        "c.yaml · --set",
        "hi",
    ):
        assert words in told
    assert str(run["dir"]) in told


def test_why_it_failed_is_told_in_words_and_another_attempt_offered(train, visit):
    run = train.launch("fail")["id"]
    page = visit(train.root).get(f"/runs/{run}")
    assert "It failed: exit code 3" in text_of(page)
    assert f'action="/runs/{run}/retry"' in page.text
    assert f'action="/runs/{run}/cancel"' not in page.text


def test_a_run_that_goes_on_is_looked_at_again_and_can_be_cancelled(train, visit):
    run = train.json("launch", "sleep")["id"]
    train.wait(run, "RUNNING")
    site = visit(train.root)
    page = site.get(f"/runs/{run}")
    assert f'hx-get="/runs/{run}/state' in page.text
    answer = site.post(f"/runs/{run}/cancel", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/runs/{run}")
    train.wait(run)
    state = site.get(f"/runs/{run}/state", headers={"HX-Request": "true"})
    assert "Cancelled" in state.text
    assert state.headers["HX-Trigger"] == "run-ended"
    assert "hx-trigger" not in state.text  # nothing more is to come


def test_each_attempt_is_told_with_its_end(train, visit):
    run = train.launch("fail")["id"]
    site = visit(train.root)
    site.post(f"/runs/{run}/retry")
    train.wait(run)
    told = text_of(site.get(f"/runs/{run}"))
    assert "Attempts 1 · exit code 3" in told
    assert "2 · exit code 3" in told


def test_no_secret_is_told(train, visit):
    run = train.launch("train", "--set", "token=correcthorse")["id"]
    site = visit(train.root)
    for path in (f"/runs/{run}", "/runs", f"/runs/{run}/outputs"):
        assert "correcthorse" not in site.get(path).text
        assert "hunter2" not in site.get(path).text


def test_an_unknown_run_is_not_found(train, visit):
    site = visit(train.root)
    for path in ("", "/state", "/log", "/log/raw", "/outputs", "/output?path=a"):
        assert site.get(f"/runs/zzzzzzz{path}").status_code == 404


def test_no_name_of_a_run_leads_out_of_the_folder_of_runs(train, visit):
    train.launch("fail")
    (train.root / ".confjob/output.log").write_text("private")
    site = visit(train.root)
    for name in ("..", "%2e%2e", "%2E%2E%2Fruns", ".", "%00"):
        for path in ("", "/log", "/log/raw", "/outputs"):
            answer = site.get(f"/runs/{name}{path}")
            assert "private" not in answer.text
            assert answer.status_code in (404, 200)
            assert answer.status_code == 404 or answer.url.path in ("/", "/runs")


# -- the log ---------------------------------------------------------------------------------


PART = {"HX-Request": "true"}


def follow_address(text):
    found = re.search(r'hx-get="([^"]*/log\?from=[^"]*)"', text)
    return found and found[1].replace("&amp;", "&")


def lines_of(text):
    return [
        re.sub("<[^>]*>", "", line)
        for line in re.findall(r'<span class="log__line".*?</span>\n', text, re.DOTALL)
    ]


def test_the_log_is_followed_to_the_end_of_the_run(train, visit):
    train.write({"go.sh": "echo one; while [ ! -e go ]; do sleep 0.05; done; echo two"})
    train.write({"launch.toml": '[jobs.wait]\ncommand = ["sh", "go.sh"]\n'})
    run = train.json("launch", "wait")["id"]
    train.wait(run, "RUNNING")
    site, log = visit(train.root), folder_of(train, run) / "output.log"
    while not log.exists() or log.read_bytes() != b"one\n":
        time.sleep(0.02)
    page = site.get(f"/runs/{run}")
    address = follow_address(page.text)
    assert site.get(address, headers=PART).status_code == 204  # nothing new
    (folder_of(train, run) / "workspace/go").write_text("")
    train.wait(run)
    seen = ""
    while address:
        answer = site.get(address, headers=PART)
        seen += answer.text
        address = follow_address(answer.text) if answer.status_code == 200 else address
    assert "two" in seen
    assert "end of the log" in seen


def test_following_goes_on_after_the_server_was_started_anew(train, visit):
    run = train.json("launch", "sleep")["id"]
    train.wait(run, "RUNNING")
    address = follow_address(visit(train.root).get(f"/runs/{run}").text)
    with (folder_of(train, run) / "output.log").open("a") as log:
        log.write("more\n")
    assert "more" in visit(train.root).get(address, headers=PART).text  # another server


def test_a_log_that_was_cut_is_shown_anew(train, visit):
    run = train.launch("fail")["id"]
    answer = visit(train.root).get(f"/runs/{run}/log?from=9999", headers=PART)
    assert answer.headers["HX-Retarget"] == "#log-paper"
    assert "oh no" in answer.text


@pytest.fixture
def long(train):
    run = train.launch("fail")["id"]
    data = "".join(f"line {number:06}\n" for number in range(20_000))
    (folder_of(train, run) / "output.log").write_text(data)
    return run


def test_a_long_log_shows_its_end_and_a_way_to_what_is_older(long, train, visit):
    site = visit(train.root)
    text = site.get(f"/runs/{long}").text
    assert "line 019999" in text
    assert "line 000100" not in text
    older = re.search(r'href="([^"]*before=\d+)"', text)[1]
    part = site.get(older, headers=PART)
    assert "<html" not in part.text
    first = int(lines_of(text)[0].split()[1])
    assert lines_of(part.text)[-1].strip() == f"line {first - 1:06}"
    assert "<html" in site.get(older).text  # without a script it is a page


def test_what_is_found_leads_to_its_place(long, train, visit):
    site = visit(train.root)
    answer = site.get(f"/runs/{long}/log", params={"q": "LINE 000123"}, headers=PART)
    address = re.search(r'href="([^"]*\?at=[^"]*)"', answer.text)[1].replace("&amp;", "&")
    place = site.get(address, headers=PART)
    assert re.search(r"data-found>line 000123<", place.text)
    assert "Newer lines" in place.text
    assert "To the end of the log" in place.text


def test_a_search_without_a_script_is_a_page_with_the_log_below(long, train, visit):
    text = visit(train.root).get(f"/runs/{long}/log", params={"q": "000123"}).text
    assert "<mark>000123</mark>" in text
    assert "line 019999" in text


def test_a_search_for_nothing_and_for_what_is_not_there(long, train, visit):
    site = visit(train.root)
    assert site.get(f"/runs/{long}/log", params={"q": "  "}, headers=PART).text.strip() == ""
    answer = site.get(f"/runs/{long}/log", params={"q": "<b>nowhere"}, headers=PART)
    assert "&lt;b&gt;nowhere" in answer.text
    assert "<b>" not in answer.text


WRONG = ["-1", "x", "", "9" * 400, "1e3", "\u0661", "9" * 17]


def test_no_place_is_too_wrong(long, train, visit):
    site = visit(train.root)
    for value in WRONG:
        for name in ("at", "before", "after", "from", "floor", "until"):
            more = {"floor": {"before": "100"}, "until": {"q": "line"}}.get(name, {})
            answer = site.get(f"/runs/{long}/log", params={name: value, **more}, headers=PART)
            assert answer.status_code in (200, 204), (name, value)


def test_the_whole_log_is_fetched_as_it_is(train, visit):
    run = train.launch("fail")["id"]
    data = b"<script>\xff\x00\x1b[31m" * 50_000
    (folder_of(train, run) / "output.log").write_bytes(data)
    answer = visit(train.root).get(f"/runs/{run}/log/raw")
    assert answer.content == data
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_hostile_bytes_in_a_log_are_text(train, visit):
    run = train.launch("fail")["id"]
    data = b"</pre></span><script>alert(1)</script>\n\x1b]8;;javascript:alert(1)\x07link\x1b]8;;\x07\n\xff\xfe\xe2\x80\xae\x00\n"
    (folder_of(train, run) / "output.log").write_bytes(data)
    site = visit(train.root)
    for path in (f"/runs/{run}", f"/runs/{run}/log", f"/runs/{run}/log?q=script"):
        text = site.get(path).text
        assert "<script>alert" not in text
        assert "javascript:" not in text
        assert "\u202e" not in text


# -- outputs ---------------------------------------------------------------------------------


def made(train, code):
    train.write({"train.py": code})
    return train.launch("train")["id"]


def test_a_file_that_it_made_is_fetched_and_never_shown(train, visit):
    run = made(train, "import os; os.mkdir('a'); open('a/page.html', 'w').write('<script>alert(1)</script>')")
    site = visit(train.root)
    listed = site.get(f"/runs/{run}/outputs")
    assert "a/page.html" in listed.text
    answer = site.get(f"/runs/{run}/output?path=a/page.html")
    assert answer.text == "<script>alert(1)</script>"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith('attachment; filename="page.html"')
    assert answer.headers["x-content-type-options"] == "nosniff"


NAMES = [
    b"a b.txt",
    b"<img src=x>.txt",
    b"\"quote'.txt",
    "é漢.txt".encode(),
    b"\xff.bin",
    b"new\nline",
    b"%41?#.txt",
    "\u202egpj".encode(),
]


def test_any_name_of_a_file_can_be_fetched_and_acts_on_nothing(train, visit):
    run = made(train, f"for name in {NAMES!r}: open(name, 'wb').write(name)")
    site = visit(train.root)
    page = site.get(f"/runs/{run}/outputs")
    assert "<img" not in page.text
    assert "\u202e" not in page.text
    addresses = re.findall(r'href="(/runs/[^"]*/output\?[^"]+)"', page.text)
    assert len(addresses) == len(NAMES)
    answers = [site.get(address) for address in addresses]
    assert {answer.content for answer in answers} == set(NAMES)
    for answer in answers:
        assert re.fullmatch(
            r'attachment; filename="[A-Za-z0-9._-]+"; filename\*=UTF-8\'\'[A-Za-z0-9._~%-]+',
            answer.headers["content-disposition"],
        )


TRAVERSALS = [
    *(
        "../run.json",
        "..%2frun.json",
        "%2e%2e/run.json",
        "../../../../s.yaml",
        "/etc/passwd",
        "%2fetc%2fpasswd",
    ),
    *(
        "a/../../run.json",
        "a/..%2f..%2frun.json",
        "link",
        "folder/x",
        "made/../../run.json",
        "%00",
        "made%00",
    ),
    *("c.yaml", "s.yaml", ".", "", "//etc/passwd", "pipe", "a"),
]


def test_nothing_but_what_it_made_can_be_fetched(train, visit, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/x").write_text("private")
    outside = str(tmp_path / "outside")
    code = f"""
import os
os.symlink({outside!r} + '/x', 'link')
os.symlink({outside!r}, 'folder')
os.mkdir('a')
os.mkfifo('pipe')
open('made', 'w').write('fine')
"""
    run, site = made(train, code), visit(train.root)
    assert site.get(f"/runs/{run}/output?path=made").text == "fine"
    assert {
        path: site.get(f"/runs/{run}/output?path={path}").status_code for path in TRAVERSALS
    } == dict.fromkeys(TRAVERSALS, 404)


def test_a_file_in_which_it_was_given_a_secret_is_not_let_out(train, visit):
    run = made(train, "open('s.yaml', 'a').write('# changed')")
    site = visit(train.root)
    assert "s.yaml" not in site.get(f"/runs/{run}/outputs").text
    assert site.get(f"/runs/{run}/output?path=s.yaml").status_code == 404


def test_a_link_is_listed_and_cannot_be_fetched(train, visit):
    run = made(train, "import os; os.symlink('/etc/hostname', 'here')")
    site = visit(train.root)
    text = site.get(f"/runs/{run}/outputs").text
    assert "here" in text
    assert "href" not in text
    assert site.get(f"/runs/{run}/output?path=here").status_code == 404


def test_a_file_that_grows_while_it_is_sent_is_sent_as_it_was(train, visit):
    from confjob.web.pages.run import _pieces

    run = made(train, "open('big', 'wb').write(b'x' * 100_000)")
    path = folder_of(train, run) / "workspace/big"
    file = path.open("rb")
    pieces = _pieces(file, 100_000)
    first = next(pieces)
    with path.open("ab") as more:
        more.write(b"y" * 100_000)
    assert first + b"".join(pieces) == b"x" * 100_000
    assert file.closed


def test_thousands_of_files_are_counted_and_the_first_are_listed(train, visit):
    run = made(train, "for n in range(1200): open(f'f{n:04}', 'w').write('x')")
    told = text_of(visit(train.root).get(f"/runs/{run}/outputs"))
    assert "the first 500 of 1200 files" in told
    assert "f0499" in told
    assert "f0500" not in told


def test_a_run_without_files_says_so(train, visit):
    assert "it has made no files" in visit(train.root).get(f"/runs/{train.launch('fail')['id']}/outputs").text


def test_where_trackers_recorded_it_is_a_link_only_if_it_is_a_page(train, visit):
    plugin = (
        "from confjob.plugin import hookimpl\n"
        "@hookimpl\n"
        "def confjob_links(folder):\n"
        "    return {'page': 'https://example.org/r', 'evil': 'javascript:alert(1)', 'folder': '/a/b'}\n"
    )
    train.write({"confjob_plugins.py": plugin})
    run = train.launch("fail")["id"]
    text = visit(train.root).get(f"/runs/{run}").text
    assert 'href="https://example.org/r"' in text
    assert 'href="javascript' not in text
    assert "/a/b" in text
