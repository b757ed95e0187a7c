"""The `confjob` command: one door in, and one door out for every kind of failure.

Expected refusals print a message and a hint and exit with their own code; anything else
is a fault of ours, and leaves a log file to report.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper

from confjob.errors import ConfjobError, ExitCode

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # Half a surrogate pair in someone's JSON is no reason to fail.
            stream.reconfigure(errors="backslashreplace")
    raise SystemExit(run(list(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: list[str]) -> int:
    """Run the command line; returns the exit code, and raises nothing."""
    asked = os.environ.get("_CONFJOB_COMPLETE")
    if asked:
        from confjob.cli.completing import answer

        return answer(asked)
    import click

    from confjob.cli import confjob

    stdout = sys.stdout
    try:
        return int(confjob.main(arguments, prog_name="confjob", standalone_mode=False) or ExitCode.OK)
    except click.exceptions.Abort:
        return _interrupted()
    except KeyboardInterrupt:
        return _interrupted()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except ConfjobError as error:
        return _refused(error, as_json="--json" in _own(arguments))
    except SystemExit as error:
        # `confjob runs | head`: the reader has enough; click puts another stdout in place and exits.
        return ExitCode.OK if sys.stdout is not stdout else _bug(arguments, error)
    except Exception as error:  # noqa: BLE001 - the one door out
        refusal = _of_the_disk(error)
        return (
            _bug(arguments, error)
            if refusal is None
            else _refused(refusal, as_json="--json" in _own(arguments))
        )


def _of_the_disk(error: Exception) -> ConfjobError | None:
    """Return the refusal of a disk that is full or may not be written; None for all other errors."""
    import errno

    if not isinstance(error, OSError) or error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        return None
    where = f"{error.filename}: " if error.filename else ""
    return ConfjobError(f"{where}{error.strerror}", hint="make room, or name another disk, and ask again")


def _own(arguments: list[str]) -> list[str]:
    """Return confjob's own arguments: those before `--`."""
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def _refused(error: ConfjobError, *, as_json: bool) -> int:
    from confjob.cli.output import refusal

    refusal(error, as_json=as_json)
    return error.exit_code


def _interrupted() -> int:
    sys.stderr.write("\n")
    return ExitCode.INTERRUPTED


def _bug(arguments: list[str], error: BaseException) -> int:
    """Leave a log file with all that a report needs, and say where it is."""
    import platform
    import tempfile
    import traceback

    from confjob.version import __version__

    # The values of overrides may be secret: a report has the option names only.
    shown = [word.partition("=")[0] for word in _own(arguments)]
    head = f"confjob {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
    with tempfile.NamedTemporaryFile(
        "w", prefix="confjob-", suffix=".log", delete=False, encoding="utf-8"
    ) as log:
        log.write(f"{head}arguments: {shown}\n\n{''.join(traceback.format_exception(error))}")
    sys.stderr.write(
        f"confjob: a fault of confjob's own: {type(error).__name__}: {error}\n"
        f"  please report it with {log.name}\n"
    )
    return ExitCode.BUG


if __name__ == "__main__":
    main()
