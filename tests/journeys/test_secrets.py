"""A secret is given to the job, and to nobody else: whatever is typed, read or left behind.

Each secret here is a word that stands nowhere else, so that any appearance is a leak.
"""

import hashlib
import json
import stat

import pytest

MANIFEST = """
[jobs.train]
command = ["python", "train.py"]

[jobs.train.run-config]
defaults = { key = "OLDKEY", size = 1 }
schema.properties.key = { format = "secret" }

[[jobs.train.files]]
path = "conf/a.yaml"
secret = ["login.password"]
"""
SCRIPT = """
import hashlib, os
import yaml
from confjob import load_config
config = {**load_config(), **yaml.safe_load(open("conf/a.yaml"))}
for value in (config["key"], config["login"]["password"], os.environ["API_TOKEN"]):
    print(hashlib.sha256(value.encode()).hexdigest())
"""
SECRETS = {"key": "NEWKEY", "login.password": "NEWPASSWORD", "env:API_TOKEN": "NEWTOKEN"}
HIDDEN = ("OLDKEY", "OLDPASSWORD", "OTHERPASSWORD", *SECRETS.values())
SETS = [word for path, value in SECRETS.items() for word in ("--set", f"{path}={value}")]


@pytest.fixture
def train(project):
    return project.write(
        {
            "launch.toml": MANIFEST,
            "train.py": SCRIPT,
            "conf/a.yaml": "login:\n  password: OLDPASSWORD\nlr: 0.1\n",
            "conf/b.yaml": "login:\n  password: OTHERPASSWORD\nlr: 0.1\n",
        }
    )


def leaks(text):
    return [word for word in HIDDEN if word in text]


@pytest.mark.parametrize(
    "command",
    [
        ["show", "train"],
        ["show", "train", "--why"],
        ["show", "train", "--json"],
        ["show", "train", "--json-schema"],
        ["plan", "train", *SETS],
        ["plan", "train", "--json", *SETS],
        ["plan", "train", "--inputs", "all.json"],
        ["plan", "train", "--set", "key=[NEWKEY", "--set", "login.password={NEWPASSWORD: 1}"],
        ["plan", "train", "--json", "--set", "login=NEWPASSWORD", "--set", "key.x=NEWKEY"],
        ["plan", "train", "--set-any", "login.password=[NEWPASSWORD]", "--set", "lr=x"],
        ["plan", "train", *SETS, "--set", "size=many"],
    ],
    ids=" ".join,
)
def test_no_output_tells_one(train, command):
    train.write({"all.json": json.dumps(SECRETS)})
    done = train.confjob(*command, code=None)
    assert done.returncode in (0, 1)
    assert leaks(done.stdout + done.stderr) == []


def test_the_job_gets_them_and_nothing_that_others_can_read_has_them(train):
    run = train.json("launch", "train", *SETS)["id"]
    ended = train.wait(run)
    expected = [hashlib.sha256(value.encode()).hexdigest() for value in SECRETS.values()]
    assert train.output(run).splitlines() == expected
    for command in (["status", run], ["status", run, "--json"], ["runs"], ["runs", "--json"], ["logs", run]):
        done = train.confjob(*command)
        assert leaks(done.stdout + done.stderr) == [], command
    assert ended["state"] == "SUCCEEDED"
    files = [
        path for path in (train.root / ".confjob").rglob("*") if path.is_file() and not path.is_symlink()
    ]
    for path in files:
        found = [word for word in SECRETS.values() if word in path.read_text(errors="replace")]
        private = stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
        assert not found or private, f"{path} holds {found} and others can read it"
    assert any("NEWKEY" in path.read_text(errors="replace") for path in files)


def test_no_secret_may_be_a_flag_or_stand_in_the_command(train):
    train.write({"launch.toml": MANIFEST.replace('"train.py"]', '"train.py", "--key", "{run-config:key}"]')})
    refused = train.confjob("plan", "train", code=1)
    assert "secret" in refused.stderr
    train.write({"launch.toml": MANIFEST.replace('"train.py"]', '"train.py"]\ndeliver = "flags"')})
    refused = train.confjob("plan", "train", code=1)
    assert "secret" in refused.stderr
    assert leaks(refused.stdout + refused.stderr) == []
