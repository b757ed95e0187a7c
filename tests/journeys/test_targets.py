"""Targets as a cluster's owner writes them: variables to choose, macros, a policy, several nodes, jobs elsewhere."""

import json

import pytest

PLUGIN = '''
"""A backend that runs nothing: it writes down what it was given."""
import json
from pathlib import Path, PurePosixPath
from attrs import frozen
from confjob.plugin import Backend, BackendError, Elsewhere, State, Status, hookimpl


@frozen(kw_only=True)
class Options:
    gpus: int = 0
    partition: str = "main"
    comment: str = ""
    privileged: bool = False
    network: str = "none"
    mounts: list[str] = []
    state: str = ""


class Paper:
    def __init__(self, options):
        self.options = options

    def preview(self, submissions):
        return "\\n".join(f"paper: {item.run} on {self.options.partition}\\ngpus: {self.options.gpus}" for item in submissions)

    def submit(self, submissions):
        names = [item.run for item in submissions]
        for item in submissions:
            said = {"comment": self.options.comment, "gpus": self.options.gpus, "together": names}
            said |= {"attempt": item.attempt, "there": str(item.there), "tree": str(item.tree), "author": item.author}
            said["links"] = {name: str(path) for name, path in item.links.items()}
            Path(item.run_dir, "paper.json").write_text(json.dumps(said))
        yield {name: f"paper-{name}" for name in names}

    def find(self, runs):
        return {}

    def poll(self, handles):
        if self.options.network == "down":
            raise BackendError("connection refused")
        return {handle: Status(state=State.QUEUED, reason="on paper") for handle in handles}

    def cancel(self, handles):
        pass

    def fetch(self, handle, run_dir):
        pass

    def check(self):
        return ()


@hookimpl
def confjob_backends():
    yield Backend(
        name="paper", summary="paper", options=Options, open=Paper, honours=frozenset({"gpus"}),
        elsewhere=lambda options: Elsewhere(state=PurePosixPath(options.state)) if options.state else None,
    )
'''

MANIFEST = """
[jobs.train]
command = ["python", "train.py"]
env = { MODE = "a mode" }
env-pass = ["GIVEN", "NOT_THERE"]

[targets.cluster]
backend = "paper"
gpus = "{{gpus}}"
partition = "{{kind}}-{{gpus}}"
comment = "${run_id} ${job} of ${project}, $${literal}"

[targets.cluster.variables]
gpus = { type = "integer", minimum = 1, maximum = 8, default = 1, description = "GPUs of the node" }
kind = { enum = ["small", "large"] }

[targets.away]
backend = "paper"
state = "/there/state"

[targets.plain]
backend = "paper"
"""


@pytest.fixture
def cluster(project):
    project.write({"confjob_plugins.py": PLUGIN, "launch.toml": MANIFEST, "train.py": "print('hi')\n"})
    return project


def paper(project, run):
    return json.loads((project.root / ".confjob" / "runs" / run / "paper.json").read_text())


def manifest(project, old, new):
    project.write({"launch.toml": MANIFEST.replace(old, new)})
    return project


def launched(project, *options):
    return project.json("launch", "train", *options)["id"]


# -- variables -------------------------------------------------------------------------


def test_variables_are_inputs_of_the_job_where_its_target_has_some(cluster):
    shown = cluster.json("show", "train", "--target", "cluster")["inputs"]
    rows = {row["path"]: row for row in shown if row["input"] == "target"}
    assert rows["gpus"]["schema"]["maximum"] == 8
    assert rows["gpus"]["where"].startswith("launch.toml:14")
    assert rows["kind"]["schema"]["enum"] == ["small", "large"]
    assert not [row for row in cluster.json("show", "train")["inputs"] if row["input"] == "target"]


def test_a_chosen_variable_reaches_the_options_with_its_type_and_is_recorded(cluster):
    run = launched(cluster, "--target", "cluster", "--set-var", "gpus=4", "--set-var", "kind=large")
    assert paper(cluster, run)["gpus"] == 4
    told = cluster.json("status", run)
    assert [(change["input"], change["path"], change["after"]) for change in told["changes"]] == [
        ("target", "gpus", 4),
        ("target", "kind", "large"),
    ]
    assert {change["origin"] for change in told["changes"]} == {"--set-var"}


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (("gpus=9",), "at most 8"),
        (("gpus=many",), "must be an int, not"),
        (("gpu=2",), "gpus"),
        (("kind=tiny",), "small"),
        ((), "kind"),
    ],
)
def test_a_wrong_unknown_or_missing_variable_is_refused_before_anything_is_made(cluster, variables, said):
    options = [word for text in variables for word in ("--set-var", text)]
    kind = [] if any("kind" in text for text in variables) or not variables else ["--set-var", "kind=small"]
    refused = cluster.json("launch", "train", "--target", "cluster", *options, *kind, code=1)
    assert said in json.dumps(refused)
    assert not list((cluster.root / ".confjob").glob("runs/*"))


def test_a_target_without_variables_says_so(cluster):
    refused = cluster.confjob("plan", "train", "--target", "plain", "--set-var", "gpus=1", code=1)
    assert "the target has no variables" in refused.stderr


def test_rerun_keeps_the_variables_on_the_same_target_and_drops_them_on_another(cluster):
    cluster.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # the plugin of a snapshot may leave nothing in it
    run = launched(cluster, "--target", "cluster", "--set-var", "gpus=4", "--set-var", "kind=large")
    again = cluster.json("rerun", run, "--set-var", "kind=small")["id"]
    assert paper(cluster, again)["gpus"] == 4
    other = cluster.json("rerun", run, "--target", "plain")["id"]
    assert cluster.json("status", other)["changes"] == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"{{gpus}}"', '"{{gpu}}"', "did you mean 'gpus'"),
        ("${job}", "${jobs}", "did you mean 'job'"),
        ("${job}", "${HOME}", "macros: "),
        ("default = 1", "default = 9", "at most 8"),
        ("minimum = 1", "minimun = 1", "did you mean 'minimum'"),
        ('partition = "{{kind}}', 'partitoin = "{{kind}}', "did you mean 'partition'"),
        ("gpus = { type", "gpus = [{ type", "must be a table"),
    ],
)
def test_a_faulty_template_is_refused_with_its_line_and_a_suggestion(cluster, old, new, said):
    text = MANIFEST.replace(old, new).replace('node" }', 'node" }]' if "[{" in new else 'node" }')
    cluster.write({"launch.toml": text})
    refused = cluster.confjob("plan", "train", "--target", "cluster", "--set-var", "kind=small", code=1)
    assert said in refused.stderr
    assert "launch.toml:" in refused.stderr


def test_macros_are_filled_for_each_run_and_the_environment_is_never_read(cluster):
    run = launched(cluster, "--target", "cluster", "--set-var", "kind=small")
    assert paper(cluster, run)["comment"] == f"{run} train of {cluster.root.name}, ${{literal}}"


def test_plan_shows_what_the_engine_would_be_given(cluster):
    planned = cluster.json("plan", "train", "--target", "cluster", "--set-var", "kind=small")
    assert planned["submission"] == "paper: RUN on small-1\ngpus: 1"
    shown = cluster.confjob("plan", "train", "--target", "cluster", "--set-var", "kind=small").stdout
    assert "## what cluster is given\npaper: RUN on small-1\ngpus: 1" in shown


# -- policy ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("forbid", "options", "refused"),
    [
        ("privileged", "privileged = true", True),
        ("privileged", "privileged = false", False),
        ("paper:network=host", 'network = "host"', True),
        ("paper:network=host", 'network = "none"', False),
        ("other:network=host", 'network = "host"', False),
        ("mounts", 'mounts = ["/:/host"]', True),
        ("mounts", "mounts = []", False),
    ],
)
def test_a_policy_forbids_options_wherever_they_come_from(cluster, forbid, options, refused):
    text = f'[policy]\nforbid = ["{forbid}"]\n{MANIFEST}\n{options}\n'
    cluster.write({"launch.toml": text})
    done = cluster.confjob("plan", "train", "--target", "plain", code=int(refused))
    assert ("is forbidden by policy (launch.toml:2)" in done.stderr) is refused


def test_no_variable_gets_around_a_policy(cluster):
    text = f'[policy]\nforbid = ["gpus=8"]\n{MANIFEST}'
    cluster.write({"launch.toml": text})
    chosen = ("--target", "cluster", "--set-var", "kind=small", "--set-var")
    cluster.confjob("plan", "train", *chosen, "gpus=7")
    assert "forbidden by policy" in cluster.confjob("plan", "train", *chosen, "gpus=8", code=1).stderr


def test_a_sites_policy_holds_in_every_project(cluster, tmp_path):
    settings = tmp_path / "config" / "confjob" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text('[policy]\nforbid = ["paper:partition=main"]\n')
    cluster.environ["XDG_CONFIG_HOME"] = str(tmp_path / "config")
    manifest(
        cluster,
        '[targets.plain]\nbackend = "paper"',
        '[targets.plain]\nbackend = "paper"\npartition = "main"',
    )
    refused = cluster.confjob("launch", "train", "--target", "plain", code=1)
    assert "forbidden by policy" in refused.stderr
    assert "config.toml:2" in refused.stderr


@pytest.mark.parametrize(
    ("forbid", "said"),
    [("paper:privilegd", "did you mean 'privileged'"), (":x", "names no option"), ("a[", "launch.toml:2")],
)
def test_a_rule_that_guards_nothing_is_refused(cluster, forbid, said):
    cluster.write({"launch.toml": f'[policy]\nforbid = ["{forbid}"]\n{MANIFEST}'})
    assert said in cluster.confjob("plan", "train", "--target", "plain", code=1).stderr


# -- what a backend does not see to ----------------------------------------------------


def test_what_a_target_does_not_see_to_is_told_and_nodes_it_lacks_are_refused(cluster):
    manifest(cluster, "[targets.cluster]", "resources = { gpus = 1, memory = '1GiB' }\n[targets.cluster]")
    planned = cluster.json("plan", "train", "--target", "plain")
    assert any("does not see to memory" in each["message"] for each in planned["warnings"])
    refused = cluster.confjob("plan", "train", "--target", "plain", "--set", "resources:nodes=2", code=1)
    assert "backend paper can't give a job 2 nodes" in refused.stderr


def test_status_says_where_a_run_is_unless_it_is_here(cluster):
    shown = cluster.confjob("status", launched(cluster, "--target", "plain")).stdout
    assert "  target    plain\n" in shown


def test_an_engine_that_can_not_be_reached_is_unknown_since_and_never_failed(cluster):
    manifest(
        cluster, '[targets.plain]\nbackend = "paper"', '[targets.plain]\nbackend = "paper"\nnetwork = "down"'
    )
    told = cluster.json("status", launched(cluster, "--target", "plain"))
    assert told["state"] == "QUEUED"
    assert told["reason"].startswith("unknown since 2")
    assert told["reason"].endswith("connection refused")


# -- elsewhere -------------------------------------------------------------------------


def test_a_job_elsewhere_is_written_for_the_paths_there_and_gets_only_what_is_passed(cluster):
    cluster.write({"src/pkg/__init__.py": ""})
    cluster.environ |= {"GIVEN": "from here", "OTHER": "stays"}
    run = launched(cluster, "--target", "away")
    folder = cluster.root / ".confjob" / "runs" / run
    script, env = (folder / "job.sh").read_text(), (folder / "env").read_text()
    assert f"confjob_run='/there/state/runs/{run}'" in script
    assert "exec ${confjob_each:+\"$confjob_each\"} 'python3' 'train.py'" in script
    assert "tree='/there/state/snapshots/" in script
    assert str(cluster.root) not in script + env
    assert "GIVEN='from here'" in env
    assert "MODE='a mode'" in env
    assert "OTHER" not in env
    assert "NOT_THERE" not in env
    place = f"/there/state/runs/{run}/workspace"
    assert f"export PYTHONPATH='{place}:{place}/src'${{PYTHONPATH:+:$PYTHONPATH}}" in env
    assert cluster.json("plan", "train", "--target", "away")["python"] == "python3 (as target away calls it)"
    said = paper(cluster, run)
    assert said["there"] == f"/there/state/runs/{run}"
    assert said["tree"].startswith(str(cluster.root / ".confjob" / "snapshots"))
    assert said["attempt"] == 1


# -- several runs together -------------------------------------------------------------


def test_runs_of_one_target_are_handed_over_together(cluster, monkeypatch):
    from confjob.pipeline import Request, launching, make_plan
    from confjob.project import Project

    monkeypatch.chdir(cluster.root)
    project = Project.find(cluster.root)
    plans = [make_plan(project, Request(job="train", target="plain")) for _ in range(3)]
    made = [launching.launch(project, plan) for plan in plans]
    assert list(launching.start_all(made)) == [each.id for each in made]
    assert paper(cluster, made[2].id)["together"] == [each.id for each in made]


# -- torchrun --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "sets", "line"),
    [
        (["python", "train.py", "--a"], (), "--standalone --nnodes=1 --nproc-per-node=1 train.py --a"),
        (["python3", "-u", "-m", "pkg"], ("gpus=2",), "--standalone --nnodes=1 --nproc-per-node=2 -m pkg"),
        (["./train.sh"], (), "--standalone --nnodes=1 --nproc-per-node=1 --no-python ./train.sh"),
    ],
)
def test_a_torchrun_launcher_builds_the_line(project, command, sets, line):
    text = f'[jobs.train]\ncommand = {json.dumps(command)}\nlauncher = "torchrun"\n'
    project.write({"launch.toml": text, "train.py": ""})
    options = [word for each in sets for word in ("--set", f"resources:{each}")]
    built = project.json("plan", "train", *options)["command"]
    assert " ".join(built[1:]) == f"-m torch.distributed.run {line}"


@pytest.mark.parametrize("command", [["torchrun", "train.py"], ["python", "-c", "1"], ["python"]])
def test_what_torchrun_can_not_start_is_refused(project, command):
    text = f'[jobs.train]\ncommand = {json.dumps(command)}\nlauncher = "torchrun"\n'
    project.write({"launch.toml": text, "train.py": ""})
    assert 'launcher = "torchrun"' in project.confjob("plan", "train", code=1).stderr


def test_a_command_for_several_nodes_is_started_by_whoever_the_engine_names(project):
    starter = project.root / "each"
    starter.write_text('#!/bin/sh\nfor node in 0 1; do NODE_RANK=$node "$@"; done\n')
    starter.chmod(0o755)
    command = ["sh", "-c", "echo on $NODE_RANK; env | grep CONFJOB_EACH || true"]
    project.write({"launch.toml": f"[jobs.train]\ncommand = {json.dumps(command)}\n"})
    project.environ["CONFJOB_EACH_NODE"] = str(starter)
    assert project.confjob("launch", "train", "--fg").stdout.splitlines()[1:] == ["on 0", "on 1"]
