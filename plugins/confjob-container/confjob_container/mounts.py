"""Folders of this machine that a container sees, and how they are said to an engine.

Both ways to say a mount split text: `--volume` at colons, `--mount` at commas, with quotes as in
CSV. So each path goes the way that does not split it, and what neither can carry is refused.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from attrs import evolve, frozen

from confjob.plugin import BackendError, Submission

__all__ = ["Mount", "MountTable", "mount_of", "project_of"]

#: Nothing may be mounted over what these hold for the job.
_TAKEN = ("/", "/confjob", "/proc", "/sys", "/dev")


@frozen(kw_only=True)
class MountTable:
    """A mount as a table of the manifest.

    Args:
        source: A folder or file here, absolute or relative to the project's folder.
        target: Its absolute path in the container.
        read_only: Whether the job may only read it.
    """

    source: str
    target: str
    read_only: bool = False


@frozen(kw_only=True)
class Mount:
    """A folder or file of this machine, at a place in the container.

    Args:
        source: Its path here.
        target: Its absolute path there.
        read_only: Whether the job may only read it.
    """

    source: Path
    target: PurePosixPath
    read_only: bool = False

    def argv(self) -> list[str]:
        """Return the mount as `run` takes it.

        Raises:
            BackendError: On a path that no container engine's command line can carry.
        """
        source, target = str(self.source), str(self.target)
        if "\0" in source + target:
            raise BackendError(f"can't mount {source!r}: it holds a NUL character")
        if ":" not in source + target:
            return [f"--volume={source}:{target}:{'ro' if self.read_only else 'rw'}"]
        if any(sign in source + target for sign in ',"\n\r'):
            raise BackendError(
                f"can't mount {source!r} at {target!r}: of a colon and any of comma, double quote and "
                "line break, a path may hold one, or the container engine would split it"
            )
        end = ",readonly" if self.read_only else ""
        return [f"--mount=type=bind,source={source},target={target}{end}"]

    def below(self, project: Path | None) -> Mount:
        """Return the mount with a relative source in the project's folder.

        Raises:
            BackendError: When the source is relative and the folder is not known, or it is not there.
        """
        source = self.source
        if not source.is_absolute():
            if project is None:
                raise BackendError(
                    f"mounts: where {str(source)!r} is can't be told", hint="give its absolute path"
                )
            source = Path(os.path.normpath(project / source))
        if not source.exists():
            raise BackendError(f"mounts: there is no {str(source)!r} here")
        return evolve(self, source=source)


def mount_of(said: str | MountTable) -> Mount:
    """Return the mount that the manifest says.

    Raises:
        ValueError: Naming what is wrong with it.
    """
    table = said if isinstance(said, MountTable) else _split(said)
    target = PurePosixPath(os.path.normpath(table.target)) if table.target else PurePosixPath()
    if not table.source or "\0" in table.source + table.target:
        raise ValueError(f"mounts: {said!r} names no folder; write 'SRC:DST' or 'SRC:DST:ro'")
    if not target.is_absolute():
        raise ValueError(f"mounts: {table.target!r} is no absolute path in the container")
    if str(target) in _TAKEN or str(target).startswith("/confjob/") or str(target).startswith("//"):
        raise ValueError(f"mounts: nothing can be mounted at {table.target!r}")
    return Mount(source=Path(table.source), target=target, read_only=table.read_only)


def _split(text: str) -> MountTable:
    parts = text.split(":")
    mode = parts.pop() if len(parts) == 3 else "rw"
    if len(parts) != 2 or mode not in ("ro", "rw"):
        raise ValueError(
            f"mounts: {text!r} is not 'SRC:DST' or 'SRC:DST:ro'; a table of source, target and "
            "read-only can say paths with colons"
        )
    return MountTable(source=parts[0], target=parts[1], read_only=mode == "ro")


def project_of(submission: Submission) -> Path | None:
    """Return the project's folder, where the submission shows it."""
    for name, path in submission.links.items():
        if path.parts[-len(Path(name).parts) :] == Path(name).parts:
            return path.parents[len(Path(name).parts) - 1]
    state = submission.run_dir.parent.parent
    return state.parent if state.name == ".confjob" else None
