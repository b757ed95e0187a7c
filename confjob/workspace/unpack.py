r"""The part of job.sh that makes a run's workspace, when and where the run starts.

Queued runs then cost nothing, and an engine on another machine runs the same script. It is
POSIX sh with `cp` and `find`; where these know reflinks, `--parents` and hardlinks (GNU,
busybox) they are used, and plain `cp -Rp` is the fallback.

Writing to a file of the workspace must reach neither checkout, snapshot nor a sibling run. So
files are copies (reflinks where the file system has them). Those over 1 MiB may be read-only
hardlinks instead, but never for root, whom read-only does not stop; their owner can still
`chmod` one, which the next capture notices and mends.

The workspace appears by a rename, complete or not at all. A second attempt finds it and leaves
it; if it was tidied after the first one's end, only what is missing is put back.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from confjob.errors import InputError
from confjob.quote import quote
from confjob.workspace.layout import Layout
from confjob.workspace.snapshot import LARGE

__all__ = ["unpack_script"]

# Each runs for a batch of files below the current folder, names `./…`, and prints a word where
# it fails: what `find -exec … +` returns then is not the same everywhere.
_COPY = """\
cp -Pp --parents --reflink=auto "$@" "$0" 2>/dev/null || cp -fPp --parents "$@" "$0" || echo failed
"""
_SHARE = """\
cp -Pp --parents --reflink=always "$@" "$0" 2>/dev/null || cp -fl --parents "$@" "$0" 2>/dev/null ||
  cp -fPp --parents "$@" "$0" || echo failed
"""
# What `cp -n` returns for files that are there differs between versions, so look at what is missing.
_RESTORE = """\
cp -nPp --parents "$@" "$0" 2>/dev/null
for file do
  [ -e "$0/$file" ] || [ -h "$0/$file" ] || cp -Pp --parents "$file" "$0" || echo failed
done
"""
_LINKED = """\
for folder do
  [ ! -h "$0/$folder" ] || { echo "confjob: $folder: a symlink where the snapshot has a folder" >&2; echo failed; }
done
"""
# The old file goes first: cp would write through a symlink, or into a hardlinked content.
_PATCH = """\
for file do
  rest=${file#./} at=$0
  while :; do
    case $rest in
      */*) at=$at/${rest%%/*} rest=${rest#*/} ;;
      *) break ;;
    esac
    if [ -h "$at" ]; then
      echo "confjob: $at: a symlink on the way to a patched file" >&2
      echo failed
      exit 0
    fi
  done
  mkdir -p "$at" && rm -f "$at/$rest" && cp -p "$file" "$at/$rest" && chmod u+w "$at/$rest" || echo failed
done
"""

_SCRIPT = """\
(
tree={tree}
run={run}
workspace=$run/{workspace}
prefix={prefix}

# each FIND-ARGUMENTS: whether find and all that it ran succeeded
each() {{
  failed=$(find . "$@") && [ -z "$failed" ]
}}

# fill FOLDER: copy the snapshot into it
fill() {{
  cd "$tree" && mkdir -p "$1" || return 1
  share={share}
  [ "$(id -u)" -ne 0 ] || share={copy}
  each ! -type d ! \\( -type f -size +{blocks} \\) -exec sh -c {copy} "$1" {{}} + &&
    each -type f -size +{blocks} -exec sh -c "$share" "$1" {{}} +
}}

# restore FOLDER: copy what it lacks of the snapshot
restore() {{
  cd "$tree" && each -type d -exec sh -c {linked} "$1" {{}} + &&
    each ! -type d -exec sh -c {restore} "$1" {{}} +
}}

# writable FOLDER: only what no snapshot shares (a shared content has several links)
writable() {{
  find "$1" -type f -links 1 ! -perm -200 -exec chmod u+w {{}} +
}}

patch() {{
  [ -d "$run/patch" ] || return 0
  cd "$run/patch" && each -type f -exec sh -c {patch} "$1" {{}} +
}}

# link FOLDER PLACE TARGET
link() {{
  [ ! -h "$1/$2" ] || return 0
  [ ! -e "$1/$2" ] || {{ echo "confjob: $2: to be linked, but the snapshot has it" >&2; return 1; }}
  case $2 in */*) mkdir -p "$1/${{2%/*}}" || return 1 ;; esac
  ln -s "$3" "$1/$2"
}}

links() {{
{links}
}}

new() {{
  made=$workspace.tmp
  rm -rf "$made"
  fill "$made/$prefix" 2>/dev/null ||
    {{ rm -rf "$made"; mkdir -p "$made/$prefix" && cp -Rp "$tree/." "$made/$prefix"; }} || return 1
  writable "$made/$prefix" && patch "$made/$prefix" && links "$made/$prefix" || return 1
  if [ -d "$run/git" ]; then printf 'gitdir: ../git\\n' >"$made/.git" || return 1; fi
  mv "$made" "$workspace"
}}

again() {{
  restore "$workspace/$prefix" && writable "$workspace/$prefix" && links "$workspace/$prefix" &&
    rm -f "$run/tidied"
}}

if [ ! -d "$workspace" ]; then
  new
elif [ -e "$run/tidied" ]; then
  again
fi || {{ echo "confjob: the workspace could not be made" >&2; exit 1; }}
)"""


def unpack_script(layout: Layout, *, root: Path, snapshot: Path | None = None) -> str:
    """Return the lines of job.sh that make the workspace; their status is non-zero if they can't.

    The lines are one subshell without a line feed at its end, so that `|| …` may follow. They
    take the patched files from `patch/` and lead `.git` to `git/`, where the run has these.

    Args:
        layout: The run's folder, snapshot and links. Its `run_dir` is the final one.
        root: The project root, to which links lead.
        snapshot: Where the snapshot's files are for us, if the job has them elsewhere.

    Raises:
        InputError: When a link can't be made: it leads out, or through a symlink.
    """
    links = [_link(snapshot or layout.tree, root, link) for link in layout.links]
    return _SCRIPT.format(
        tree=quote(str(layout.tree)),
        run=quote(str(layout.run_dir)),
        workspace=quote(layout.workspace.name),
        prefix=quote(str(layout.prefix)),
        copy=quote(_COPY),
        share=quote(_SHARE),
        linked=quote(_LINKED),
        restore=quote(_RESTORE),
        patch=quote(_PATCH),
        blocks=LARGE // 512,
        links=" &&\n".join(links) or "  :",
    )


def _link(tree: Path, root: Path, link: str) -> str:
    place = PurePosixPath(link)
    if place.is_absolute() or ".." in place.parts or not place.parts:
        raise InputError(
            f"[workspace] link: {link!r} is no folder of the project",
            hint="name folders relative to the project root",
        )
    for parent in place.parents:
        if os.path.islink(tree / parent):  # noqa: PTH114
            raise InputError(f"[workspace] link: {link!r} lies beyond the symlink {parent}")
    return f'  link "$1" {quote(str(place))} {quote(str(root.resolve() / place))}'
