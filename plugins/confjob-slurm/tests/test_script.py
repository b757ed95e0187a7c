"""Scripts and options: nothing that a user says becomes a line, a word or a command of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from attrs import evolve, fields
from confjob_slurm import SLURM, SlurmOptions
from confjob_slurm.engine import SlurmEngine
from confjob_slurm.options import Directives
from confjob_slurm.script import batches, directive
from hypothesis import given
from hypothesis import strategies as st

from confjob.declare.structure import structure_value
from confjob.errors import ManifestError
from confjob.plugin import BackendError, Resources, Submission
from confjob.testing.jobs import HOSTILE


def submission(run: str = "abcdefg", folder: str = "/state/runs", **options: object) -> Submission:
    run_dir = Path(folder) / run
    given = {"job": "train", "resources": Resources(), **options}
    return Submission(run=run, run_dir=run_dir, script=run_dir / "job.sh", **given)


def batch(*submissions: Submission, options: SlurmOptions | None = None):
    (made,) = batches(submissions or [submission()], options or SlurmOptions(), 1001)
    return made


def directives(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("#SBATCH")]


def as_sbatch_reads(line: str) -> list[str]:
    """Return the words of a directive as sbatch's own reader takes them, told from its source.

    Backslashes make the next literal everywhere, quotes group, and a bare # begins a comment.
    """
    words, word, quote, index, text = [], None, "", 0, line.removeprefix("#SBATCH")
    while index < len(text):
        sign = text[index]
        if sign == "\\":
            index += 1
            word = (word or "") + text[index]
        elif quote:
            word, quote = (word, "") if sign == quote else ((word or "") + sign, quote)
        elif sign in "\"'":
            word, quote = word or "", sign
        elif sign == "#":
            break
        elif sign.isspace():
            words, word = [*words, *([] if word is None else [word])], None
        else:
            word = (word or "") + sign
        index += 1
    assert not quote
    return [*words, *([] if word is None else [word])]


TEXT = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=40)


@given(TEXT)
def test_a_directive_is_one_word_of_one_line_whatever_its_value(value):
    line = directive("comment", value)
    assert line.count("\n") == 0
    assert as_sbatch_reads(line) == [f"--comment={value}"]


@pytest.mark.parametrize("value", ["a\nb", "a\0b", "a\rb", "\x1b[2J", "a\n#SBATCH --uid=0"])
def test_a_line_break_or_nul_is_refused_wherever_it_is_said(value):
    with pytest.raises(BackendError, match="one line of a script"):
        directive("comment", value)
    with pytest.raises(ManifestError) as refused:
        structure_value({"account": value}, SLURM.options, "targets.check")
    assert "account can't be" in refused.value.problems[0].message
    with pytest.raises(ManifestError) as refused:
        structure_value({"options": {"gres": value}}, SLURM.options, "targets.check")
    assert "gres can't be" in refused.value.problems[0].message


@pytest.mark.parametrize("text", HOSTILE)
def test_no_name_of_a_job_project_or_author_is_a_word_of_the_script(text):
    hostile = evolve(submission(), job=text or "x", project=text, author=text)
    plain = submission(job="x")
    lines, expected = batch(hostile).script().splitlines(), batch(plain).script().splitlines()
    assert [line for line in lines if "--job-name=" not in line] == [
        line for line in expected if "--job-name=" not in line
    ]
    (name,) = (line for line in lines if "--job-name=" in line)
    assert len(as_sbatch_reads(name)) == 1


@pytest.mark.parametrize("text", [text for text in HOSTILE if text.isprintable() and text])
def test_a_path_that_no_shell_would_take_reaches_sh_as_it_is(text, tmp_path):
    folder = tmp_path / text.replace("/", "_") / "runs"
    runs = [submission(run, folder=str(folder)) for run in ("aaaaaaa", "bbbbbbb", "ccccccc")]
    for item in runs:
        item.run_dir.mkdir(parents=True)
        item.script.write_text('printf "%s %s\\n" "$0" "$CONFJOB_ATTEMPT"')
    made = batch(*(evolve(item, attempt=3) for item in runs))
    made.folder.mkdir(parents=True)
    (made.folder / "runs").write_text(made.runs())
    for index, item in enumerate(runs):
        variables = {
            "SLURM_ARRAY_TASK_ID": str(index),
            "SLURM_ARRAY_JOB_ID": "7",
            "SLURM_RESTART_COUNT": "2",
            "PATH": "/usr/bin:/bin",
        }
        said = subprocess.run(
            ["sh", "-c", made.script()], env=variables, capture_output=True, text=True, check=True
        )
        assert said.stdout == f"{item.script} 5\n"
    assert (made.folder / "job.json").read_text() == '{"job": "7"}\n'


@pytest.mark.parametrize("folder", ["/state/a\nb/runs", "/state/\x07/runs", "state/runs"])
def test_a_path_that_no_script_can_hold_is_refused(folder):
    with pytest.raises(BackendError, match="no path for a Slurm job"):
        batch(submission(folder=folder)).script()
    with pytest.raises(BackendError, match="no path for a Slurm job"):
        batch(submission(folder=folder), submission("hijklmn", folder=folder)).runs()


def test_resources_are_what_slurm_counts_rounded_up_and_said():
    needs = Resources(cpus=2.5, memory=(1 << 30) + 1, gpus=2, nodes=2, time=3601)
    text = batch(submission(resources=needs), options=SlurmOptions(gpu_type="a100")).script()
    for line in (
        "#SBATCH --cpus-per-task=3",
        "#SBATCH --mem=1025M",
        "#SBATCH --gpus-per-node=a100:2",
        "#SBATCH --nodes=2",
        "#SBATCH --ntasks-per-node=1",
        "#SBATCH --time=61",
        "# Slurm counts minutes: 3601 s are 61 of them.",
        "# Slurm gives whole cores: 2.5 are 3.",
        'export CONFJOB_EACH_NODE="$confjob_batch/each-node"',
    ):
        assert line in text.splitlines()


@pytest.mark.parametrize(("seconds", "minutes"), [(0, 1), (1, 1), (60, 1), (61, 2), (86400, 1440)])
def test_a_time_limit_is_never_none_and_never_less_than_asked_for(seconds, minutes):
    assert f"#SBATCH --time={minutes}" in batch(submission(resources=Resources(time=seconds))).script()


def test_what_is_not_asked_for_is_left_to_the_cluster():
    said = directives(batch().script())
    assert [line.partition("=")[0] for line in said] == [
        f"#SBATCH --{name}" for name in ("job-name", "comment", "export", "output", "open-mode")
    ]


def test_no_gpus_are_hidden_ones():
    assert "export CUDA_VISIBLE_DEVICES=\n" in batch(submission(resources=Resources(gpus=0))).script()
    assert "CUDA_VISIBLE_DEVICES" not in batch().script()


def test_a_targets_options_are_said_by_their_own_names():
    options = structure_value(
        {
            "partition": "gpu",
            "mail-type": "END,FAIL",
            "exclusive": True,
            "hold": True,
            "requeue": False,
            "array-parallel": 2,
            "options": {
                "gres": "gpu:a100:2",
                "nice": 10,
                "contiguous": True,
                "reboot": False,
                "wckey": "a b",
            },
        },
        SLURM.options,
        "targets.check",
    )
    said = directives(batch(submission(), submission("hijklmn"), options=options).script())
    assert said[-10:] == [
        "#SBATCH --array=0-1%2",
        "#SBATCH --partition=gpu",
        "#SBATCH --exclusive",
        "#SBATCH --hold",
        "#SBATCH --mail-type=END,FAIL",
        "#SBATCH --no-requeue",
        "#SBATCH --contiguous",
        "#SBATCH --gres=gpu:a100:2",
        "#SBATCH --nice=10",
        '#SBATCH --wckey="a b"',
    ]


@pytest.mark.parametrize(
    ("options", "hint"),
    [({"partiton": "gpu"}, "partition"), ({"options": {"licences": "a"}}, "licenses")],
)
def test_an_unknown_option_is_refused_with_a_suggestion(options, hint):
    with pytest.raises(ManifestError) as refused:
        structure_value(options, SLURM.options, "targets.check")
    assert refused.value.problems[0].hint.startswith(f"did you mean {hint!r}")


@pytest.mark.parametrize(
    "name", ["array", "comment", "export", "job-name", "output", "wrap", "uid", "gid", "chdir"]
)
def test_what_confjob_decides_is_no_option(name):
    known = {each.name.replace("_", "-") for kind in (SlurmOptions, Directives) for each in fields(kind)}
    assert name not in known


@given(st.lists(st.integers(0, 3), max_size=40), st.integers(1, 5))
def test_every_run_is_in_one_batch_which_has_one_kind_of_resources_and_is_no_larger_than_may_be(kinds, most):
    made = [submission(f"r{index}", resources=Resources(cpus=kind + 1)) for index, kind in enumerate(kinds)]
    found = list(batches(made, SlurmOptions(), most))
    assert sorted(item.run for each in found for item in each.submissions) == sorted(
        item.run for item in made
    )
    assert all(len(each.submissions) <= most for each in found)
    assert all(len({item.resources for item in each.submissions}) == 1 for each in found)
    assert len({each.id for each in found}) == len(found)
    assert [each.id for each in batches(made, SlurmOptions(), most)] == [each.id for each in found]


def test_another_attempt_is_another_batch():
    assert batch(submission()).id != batch(submission(attempt=2)).id


def test_a_preview_shows_the_script_and_whose_index_is_whose(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    made = [submission(f"run{index:02}") for index in range(12)]
    shown = SlurmEngine(options=SlurmOptions(max_array=12)).preview(made)
    assert "#SBATCH --array=0-11" in shown
    assert "#   3: 1/state/runs/run03/job.sh" in shown
    assert shown.endswith("#   and 2 more\n")
    alone = SlurmEngine().preview(made[:1])
    assert "--array" not in alone
    assert "confjob_script='/state/runs/run00/job.sh'" in alone
