"""job.sh: the one script that every backend runs, and that writes the truth about a run.

It is plain POSIX sh with absolute paths, so that the same file works detached on this
machine, in a batch system and on a machine without confjob. What it must not do, each
for a fault that was seen:

- no `set -e`: a failing record must not hide how the job ended;
- no background and forwarding of signals: the command would get TERM twice (the whole
  group gets it) and, started with `&`, would have SIGINT ignored for good;
- no value in the text but through `quote`.

Where an engine gives several nodes, it names a program in `CONFJOB_EACH_NODE` that starts the
command on each of them; records and log stay those of the node that runs this script.

Signals are noted and the script goes on to its end record; the subshell around the
command has the default ones again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath

from confjob.quote import command_line, quote

__all__ = ["script"]

#: The environment and arguments of a program may take a quarter of the soft stack limit
#: and never more than 6 MiB, so 32 MiB is as good as more. Threads get it as address space.
_STACK_KIB = 32768

_HEAD = r"""#!/bin/sh
# The job script of one run, written by confjob. Run it again by hand if you like:
# CONFJOB_FOREGROUND=1 shows the output here, CONFJOB_ATTEMPT=2 keeps the first records.
"""

_RECORDS = r"""
case ${CONFJOB_ATTEMPT-} in
  '' | *[!0-9]*) confjob_attempt=1 ;;
  *) confjob_attempt=$CONFJOB_ATTEMPT ;;
esac
confjob_resume=${CONFJOB_RESUME-}
confjob_records=$confjob_run/attempts/$confjob_attempt
confjob_signal=null
trap 'confjob_signal=\"TERM\"' TERM
trap 'confjob_signal=\"INT\"' INT
trap 'confjob_signal=\"HUP\"' HUP

# The first line of file $1, without what would need escapes in JSON.
confjob_line() {
  confjob_value=
  [ -r "$1" ] && IFS= read -r confjob_value <"$1"
  case $confjob_value in
    *[!A-Za-z0-9._-]*) confjob_value=$(printf %s "$confjob_value" | tr -cd 'A-Za-z0-9._-') ;;
  esac
  printf %s "$confjob_value"
}

# confjob.process.ProcessId of this shell, in text form.
confjob_process() (
  LC_ALL=C TZ=UTC0
  export LC_ALL TZ
  confjob_stat=
  [ -r "/proc/$$/stat" ] && IFS= read -r confjob_stat <"/proc/$$/stat"
  if [ -n "$confjob_stat" ]; then
    confjob_host=$(confjob_line /proc/sys/kernel/hostname)
    set -- ${confjob_stat##*)}
    shift 19
    confjob_start=$1
  else
    confjob_host=$(uname -n | tr -cd 'A-Za-z0-9._-')
    set -- $(ps -o lstart= -p $$)
    IFS=_
    confjob_start=$*
  fi
  printf '%s/%s/%s/%s/%s/%s' "$confjob_host" \
    "$(confjob_line /etc/machine-id)" "$(confjob_line /proc/sys/kernel/random/boot_id)" \
    "$(readlink "/proc/$$/ns/pid" 2>/dev/null | tr -cd 0-9)" "$$" "$confjob_start"
)

confjob_now() {
  confjob_time=$(date +%s.%N 2>/dev/null)
  case $confjob_time in
    '' | *[!0-9.]* | *.) confjob_time=$(date +%s) ;;
  esac
  printf %s "${confjob_time:-0}"
}

# Whole or not at all: written beside, then renamed.
confjob_write() (
  umask 077
  # A folder that somebody has removed is not made again.
  [ -d "$confjob_run" ] && mkdir -p "$confjob_records" &&
    printf '%s\n' "$2" >"$confjob_records/.$1.$$" &&
    mv -f "$confjob_records/.$1.$$" "$confjob_records/$1"
)

confjob_cancelled() { [ -e "$confjob_run/cancel.json" ]; }

# "cancelled" says that the request was there before the end; no two clocks can say it.
confjob_end() {
  confjob_seen=false
  confjob_cancelled && confjob_seen=true
  confjob_write end.json "$(printf '{"exit_code": %s, "stage": "%s", "signal": %s, "cancelled": %s, "at": %s}' \
    "$confjob_code" "$confjob_stage" "$confjob_signal" "$confjob_seen" "$(confjob_now)")"
}
"""

_MAIN = r"""
confjob_logged() {
  if [ -n "${CONFJOB_FOREGROUND-}" ]; then
    "$1"
  else
    "$1" >>"$confjob_run/output.log" 2>&1 </dev/null
  fi
}

# Whoever starts an attempt first runs it; a second start of the same one does nothing.
if ! mkdir -p "$confjob_records" || ! mkdir "$confjob_records/claim" 2>/dev/null; then
  [ -d "$confjob_records/claim" ] || exit 125
  echo "confjob: attempt $confjob_attempt of this run was started before; CONFJOB_ATTEMPT names another" >&2
  exit 124
fi

confjob_write start.json "$(printf '{"process": "%s", "at": %s}' "$(confjob_process)" "$(confjob_now)")" || {
  rmdir "$confjob_records/claim"
  exit 125
}

confjob_stage=prepare
confjob_code=143
if ! confjob_cancelled; then
  confjob_logged confjob_prepare
  confjob_code=$?
  if [ "$confjob_code" -eq 0 ]; then
    confjob_code=143
    if [ "$confjob_signal" = null ] && ! confjob_cancelled; then
      confjob_stage=run
      confjob_logged confjob_job
      confjob_code=$?
    fi
  fi
fi
if confjob_end; then
  confjob_tidy
else # on a full disk, tidying makes room; else somebody will
  confjob_tidy
  confjob_wait=0
  until confjob_end || ! [ -d "$confjob_run" ] || [ "$confjob_wait" -ge 86400 ]; do
    sleep 1
    confjob_wait=$((confjob_wait + 1))
  done
fi
exit "$confjob_code"
"""


def script(  # noqa: PLR0913 - keyword-only: all that differs between two runs
    *,
    run_dir: PurePath,
    run_id: str,
    unpack: str,
    cwd: str,
    argv: Sequence[str],
    tidy: Sequence[str] | None = None,
    raise_stack: bool = False,
    variables: Mapping[str, str] | None = None,
) -> str:
    """Return the text of a run's job.sh.

    Args:
        run_dir: The run folder as the job sees it, an absolute path.
        run_id: The run's id.
        unpack: Shell text that makes the workspace; run in a subshell of its own, from
            the run folder.
        cwd: Where the command runs, relative to the workspace.
        argv: The command.
        tidy: A command that runs after the end record, for what may then be removed.
        raise_stack: Make room for an environment of more than about a megabyte.
        variables: Set for the command on top of `env` and of the script's own
            `CONFJOB_RUN_DIR`, `CONFJOB_RUN_ID`, `CONFJOB_ATTEMPT` and `CONFJOB_RESUME`.

    Raises:
        ValueError: On a relative run folder, an empty command, a value with a NUL, or a variable no shell can hold.
    """
    if not argv:
        raise ValueError("a job needs a command")
    if not run_dir.is_absolute():
        raise ValueError(f"{run_dir} is no absolute path")
    for name in variables or {}:
        if not (name.isascii() and name.isidentifier()):
            raise ValueError(f"{name!r} is not the name of an environment variable")
    own = {"CONFJOB_RUN_DIR": str(run_dir), "CONFJOB_RUN_ID": run_id, **(variables or {})}
    parts = (
        _HEAD,
        f"confjob_run={quote(str(run_dir))}\n",
        _RECORDS,
        _prepare(unpack),
        _job(run_dir, cwd, argv, own, raise_stack=raise_stack),
        f"confjob_tidy() {{ {command_line(tidy) if tidy else ':'} >/dev/null 2>&1 </dev/null; }}\n",
        _MAIN,
    )
    return "".join(parts)


def _prepare(unpack: str) -> str:
    return f'\nconfjob_prepare() (\nexec </dev/null\ncd "$confjob_run" || exit\n{unpack.rstrip() or ":"}\n)\n'


def _job(
    folder: PurePath, cwd: str, argv: Sequence[str], variables: Mapping[str, str], *, raise_stack: bool
) -> str:
    lines = (
        "\nconfjob_job() (",
        *((_RAISE_STACK,) if raise_stack else ()),
        f". {quote(str(folder / 'env'))} || exit",
        "unset CONFJOB_FOREGROUND",
        "confjob_each=${CONFJOB_EACH_NODE-}",
        "unset CONFJOB_EACH_NODE",
        *(f"{name}={quote(value)}" for name, value in variables.items()),
        "CONFJOB_ATTEMPT=$confjob_attempt CONFJOB_RESUME=$confjob_resume",
        f"export CONFJOB_ATTEMPT CONFJOB_RESUME {' '.join(variables)}",
        '[ -n "$confjob_resume" ] || unset CONFJOB_RESUME',
        f"cd {quote(str(folder / 'workspace' / cwd))} || exit",
        f'exec ${{confjob_each:+"$confjob_each"}} {command_line(argv)}',
        ")\n",
    )
    return "\n".join(lines)


_RAISE_STACK = f"""case $(ulimit -S -s) in
  unlimited) ;;
  *) [ "$(ulimit -S -s)" -ge {_STACK_KIB} ] || ulimit -S -s {_STACK_KIB} || ulimit -S -s "$(ulimit -H -s)" ;;
esac"""
