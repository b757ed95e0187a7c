"""From a plan to a run."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from attrs import asdict, evolve, frozen

from confjob.declare import expanded, open_engine
from confjob.deliver import patched
from confjob.form import Plan
from confjob.keypath import KeyPath
from confjob.model import Engine, Problem, Submission, Target
from confjob.pipeline.grounding import author, ground
from confjob.project import Project
from confjob.render import change_record, render
from confjob.store import Record, RunFolder
from confjob.submit import foreground, submit
from confjob.version import __version__
from confjob.workspace.git import private_git_dir
from confjob.workspace.layout import Layout
from confjob.workspace.shared import in_use
from confjob.workspace.snapshot import Snapshot, capture
from confjob.workspace.symlinks import patch_place

__all__ = ["Earlier", "Label", "Launched", "expanded_target", "launch", "start_all"]


@frozen(kw_only=True)
class Label:
    """What a person calls a run.

    Args:
        name: A name.
        tags: Tags to find it by.
        note: A remark that is kept with it.
    """

    name: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""

    def record(self) -> Record:
        """Return it as `run.json` has it."""
        return {"name": self.name, "tags": list(self.tags), "note": self.note}


@frozen(kw_only=True)
class Earlier:
    """A run that another one repeats.

    Args:
        run: Its id.
        snapshot: What it was given; None to give the checkout as it is now.
    """

    run: str
    snapshot: Snapshot | None = None


@frozen(kw_only=True)
class Launched:
    """A run that exists and is about to start."""

    id: str
    submission: Submission
    engine: Engine
    target: Target
    warnings: tuple[Problem, ...] = ()

    def start(self) -> None:
        """Hand the run to its engine; raises `BackendError` when that refuses."""
        for _ in submit(self.engine, [self.submission]):
            pass

    def foreground(self) -> int:
        """Run it in this terminal; returns the command's exit code."""
        return foreground(self.submission, self.engine)


def start_all(launched: Iterable[Launched]) -> Iterator[str]:
    """Hand runs to their engines, those of one target together; yields each id once it is recorded.

    Raises:
        BackendError: When an engine refuses; what it had accepted is on its way.
    """
    together: dict[str, list[Launched]] = {}
    for each in launched:
        key = repr((each.target.backend, sorted(each.target.options.items())))
        together.setdefault(key, []).append(each)
    for group in together.values():
        yield from submit(group[0].engine, [each.submission for each in group])


def launch(
    project: Project, plan: Plan, label: Label | None = None, *, earlier: Earlier | None = None
) -> Launched:
    """Make the run of a plan: snapshot and run folder; it starts with `Launched.start`.

    Args:
        project: The project.
        plan: What is decided.
        label: What a person calls the run.
        earlier: The run that this one repeats.

    Raises:
        InputError: When the project can't be captured.
    """
    open_engine(project, plan.target)  # before anything is made
    said = {**(label or Label()).record(), "rerun_of": earlier.run if earlier else None}
    with in_use(project.state):
        snapshot = (earlier and earlier.snapshot) or _captured(project, plan)
        return _made(project, plan, snapshot, said)


def _captured(project: Project, plan: Plan) -> Snapshot:
    return capture(project.root, project.state, limit=plan.job.snapshot_limit, links=plan.job.links)


def _made(project: Project, plan: Plan, snapshot: Snapshot, said: Record) -> Launched:
    run = project.store.fresh()
    target = expanded_target(project, plan, run.id)
    layout = Layout.of(run.path, snapshot, plan.job.links)
    stands = ground(project, plan, run, layout, snapshot.has)
    said = {**said, "python": str(stands.interpreter.path), "options": target.options}
    record = _record(plan, run, snapshot, said)
    # A file that is reached through a symlink is patched where the link leads.
    changed = patched(plan.form, plan.deliveries).items()
    patches = {patch_place(layout.tree, path): content for path, content in changed}
    files = render(plan, stands, patches, record)
    project.store.create(run, files.files, files.modes, files.links)
    if snapshot.commit is not None or not snapshot.recalled:
        private_git_dir(project.checkout, run.path, commit=snapshot.commit, as_committed=snapshot.recalled)
    return Launched(
        id=run.id,
        submission=files.submission,
        engine=open_engine(project, target),
        target=target,
        warnings=tuple(_unseen(snapshot)),
    )


def expanded_target(project: Project, plan: Plan, run: str) -> Target:
    """Return a plan's target with the macros of one run filled in."""
    macros = {"run_id": run, "job": plan.job.name, "project": project.checkout.name, "author": author()}
    return evolve(plan.target, options=expanded(plan.target.options, macros))


def _record(plan: Plan, run: RunFolder, snapshot: Snapshot, said: Record) -> Record:
    return {
        "version": 1,
        "confjob": __version__,
        "id": run.id,
        "job": plan.job.name,
        "target": plan.target.name,
        "backend": plan.target.backend,
        "submitted": time.time(),
        **said,
        "changes": [change_record(change) for change in plan.changes],
        "priority": plan.priority,
        "resources": asdict(plan.resources),
        "retry": asdict(plan.job.retry),
        "invocation": asdict(plan.invocation),
        "command": [getattr(word, "name", word) for word in plan.command],
        "config_in_command": _in_command(plan),
        "files": sorted(str(path) for path in plan.delivery.files),
        "secret_files": sorted(set(_secret_files(plan))),
        "snapshot": snapshot.digest,
        "commit": snapshot.commit,
        "dirty": snapshot.dirty,
    }


def _secret_files(plan: Plan) -> Iterator[str]:
    """Yield the config files that hold a secret, changed or not: nobody shall be shown their lines."""
    for spec in plan.job.inputs:
        trees = plan.form.documents[spec.input].tree, plan.documents[spec.input].tree
        if spec.kind == "file" and any(plan.form.is_secret(spec.input, KeyPath(), tree) for tree in trees):
            yield from {str(path) for path in (spec.path, spec.source) if path is not None}


def _in_command(plan: Plan) -> bool:
    """Whether the run config reaches the job without `load_config()`, so that nobody need call it."""
    words = plan.job.command or ()
    elsewhere = any(spec.reader for spec in plan.job.inputs)
    return elsewhere or plan.job.deliver == "flags" or any("{run-config:" in word for word in words)


def _unseen(snapshot: Snapshot) -> Iterator[Problem]:
    """Yield what the job will not see although it lies in the project."""
    folders = [name for name in snapshot.ignored if name.endswith("/")]
    if folders:
        listed = ", ".join(folders[:8]) + (" …" if len(folders) > 8 else "")
        yield Problem(
            code="not-captured",
            message=f"git ignores {listed}; the run will not have {'it' if len(folders) == 1 else 'them'}",
            hint='folders the job needs: [workspace] link = ["…"] in launch.toml',
            severity="warning",
        )
