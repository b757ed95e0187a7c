"""What a real run leaves on disk; the rest of launching is told by the journeys."""

MANIFEST = """\
[jobs.t]
command = ["python", "t.py"]
[jobs.t.run-config]
defaults = { token = "none", n = 1 }
secret = ["token"]
[[jobs.t.files]]
path = "c.yaml"
secret = ["key"]
"""
SCRIPT = """\
import os, pathlib
run = pathlib.Path(os.environ["CONFJOB_RUN_DIR"])
print("config", "hunter" "2" in (run / "private/run-config.json").read_text())
print("file", "hunter" "3" in pathlib.Path("c.yaml").read_text())
print("variable", os.environ["HF_TOKEN"] == "hunter" "4")
"""
SECRETS = (b"hunter2", b"hunter3", b"hunter4")


def test_a_secret_reaches_the_job_and_is_in_no_record_script_log_or_diff(project):
    """Only 0600 files hold it: the private run config, the patched file and the environment."""
    project.write({"launch.toml": MANIFEST, "t.py": SCRIPT, "c.yaml": "key: none\nm: 1\n"})
    sets = ("token=hunter2", "c.yaml:key=hunter3", "env:HF_TOKEN=hunter4", "n=2")
    arguments = [word for text in sets for word in ("--set", text)]
    for shown in (
        project.confjob("plan", "t", *arguments),
        project.confjob("plan", "t", *arguments, "--json"),
    ):
        assert "hunter" not in shown.stdout + shown.stderr
    run = project.launch("t", *arguments)
    assert run["state"] == "SUCCEEDED"
    assert project.output(run["id"]) == "config True\nfile True\nvariable True\n"
    for shown in (project.confjob("status", run["id"]), project.confjob("runs", "--json")):
        assert "hunter" not in shown.stdout + shown.stderr
    holding = [
        path
        for path in project.root.rglob("*")
        if path.is_file() and any(secret in path.read_bytes() for secret in SECRETS)
    ]
    assert {path.name for path in holding} <= {"run-config.json", "c.yaml", "env"}
    assert holding
    for path in holding:
        in_run = path.is_relative_to(project.root / ".confjob" / "runs")
        workspace = "workspace" in path.parts
        assert in_run, path
        assert workspace or path.stat().st_mode & 0o077 == 0, path
