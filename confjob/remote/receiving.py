"""Taking apart what a courier printed: the log, and in it the files that the job made.

A job can print whatever it likes, also what looks like files, so nothing here trusts the text: only
records, reads and outputs are written, below the run folder, never through a link, and no link is made
that leads out of the workspace. The text may end anywhere, since it is looked at while it grows: what is
complete in it counts, file by file, and a log only ever gets longer.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import errno
import gzip
import logging
import os
import re
import shutil
import stat
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO, Any, BinaryIO, Final

from attrs import define, field, frozen

from confjob.records import read_record, write_record

__all__ = ["receive"]

_logger = logging.getLogger(__name__)

_HEADER: Final = re.compile(rb"confjob: courier 1 (?P<token>[\w-]{32}) (?P<attempt>[1-9][0-9]{0,8})\n")
_BEGIN: Final = re.compile(rb"confjob: (?P<token>[\w-]{32}) begin [0-9]+(?P<log> log)?\n")
_END: Final = re.compile(rb"confjob: (?P<token>[\w-]{32}) end [0-9]+\n")
_MARK: Final = b"confjob: "
#: Begins the lines that show people what a frame of the log holds.
_SHOWN: Final = b"|"
#: A longer line is none of a courier's; log without line feeds is passed on in pieces.
_LINE: Final = 1024

_RECORD: Final = re.compile(r"attempts/[1-9][0-9]{0,8}/[a-z]+\.json")
#: Written on this side, where nobody else knows better.
_OURS: Final = frozenset({"launch.json", "log.json"})

#: What is wrong with a frame that is not a tar file, or none that a courier would make.
_UNREADABLE: Final = (
    *(tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError),
    *(ValueError, OverflowError, LookupError),
)
#: What is wrong with a name, and not with the disk.
_UNWRITABLE: Final = frozenset(
    {
        *(errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY),
        *(errno.ENAMETOOLONG, errno.EINVAL, errno.ENOENT, errno.EILSEQ),
    }
)


def receive(stream: Iterable[bytes], run_dir: Path, limit: int) -> None:
    """Do what `confjob.remote.receive` says."""
    with TemporaryDirectory(dir=run_dir, prefix=".receive-") as name:
        taken = _Taken.of(stream, Path(name))
        exact = _Writer(run_dir=run_dir, scratch=Path(name), limit=limit).write(taken.frames)
        log = _Log(run_dir=run_dir)
        if taken.started:
            log.write(exact or taken.log, log.start(taken.attempt))
        elif log.begins(taken.log):
            log.write(taken.log, 0)  # what the engine says may be why no courier began


@define(kw_only=True)
class _Taken:
    """What was found in a stream: the log, and the complete frames, each as a file.

    Args:
        folder: Where these files lie.
    """

    folder: Path
    frames: list[Path] = field(factory=list, init=False)
    #: Whether a courier has begun to talk.
    started: bool = field(default=False, init=False)
    attempt: int = field(default=1, init=False)

    @property
    def log(self) -> Path:
        """What was printed in between."""
        return self.folder / "log"

    @classmethod
    def of(cls, stream: Iterable[bytes], folder: Path) -> _Taken:
        """Read a stream."""
        taken = cls(folder=folder)
        with taken.log.open("wb") as log:
            taken._read(_pieces(stream), log)
        return taken

    def _read(self, pieces: Iterator[tuple[bool, bytes]], log: BinaryIO) -> None:
        token = held = b""
        framed = of_log = False
        for first, piece in pieces:
            if framed and (framed := self._framed(piece, token, log if of_log else None)):
                continue  # to the end of the stream, if the frame has none
            header, begin = _matched(_HEADER, first, piece), _matched(_BEGIN, first, piece)
            end = _matched(_END, first, piece)
            if header and not self.started:
                token, self.started, self.attempt = header["token"], True, int(header["attempt"])
                _empty(log)
                held = b""
            elif begin and begin["token"] == (token or begin["token"]):
                # The line feed before it is the courier's.
                token, self.started, held, framed = begin["token"], True, b"", True
                of_log = begin["log"] is not None
                self._draft.write_bytes(b"")
            elif not (end and end["token"] == token):
                log.write(held)
                held = b"\n" if piece.endswith(b"\n") else b""
                log.write(piece[: len(piece) - len(held)])

    @property
    def _draft(self) -> Path:
        return self.folder / "frame"

    def _framed(self, piece: bytes, token: bytes, log: BinaryIO | None) -> bool:
        """Add a line to a frame, of files or (with `log`) of the log; returns whether it goes on."""
        end = _END.fullmatch(piece)
        if end and end["token"] == token:
            self._close(log)
            return False
        if (log and piece.startswith(_SHOWN)) or not piece.endswith(b"\n"):
            return True  # for people; or the stream ends in it
        try:
            data = base64.b64decode(piece.rstrip(b"\n"), validate=True)
        except binascii.Error:
            return False
        with self._draft.open("ab") as file:
            file.write(data)
        return True

    def _close(self, log: BinaryIO | None) -> None:
        if log is None:
            self.frames.append(self._draft.rename(self.folder / f"frame-{len(self.frames)}"))
        else:
            with self._draft.open("rb") as part:
                shutil.copyfileobj(part, log)


def _matched(pattern: re.Pattern[bytes], first: bool, piece: bytes) -> re.Match[bytes] | None:
    return pattern.fullmatch(piece) if first and piece.startswith(_MARK) else None


def _empty(file: BinaryIO) -> None:
    file.seek(0)
    file.truncate()


def _pieces(stream: Iterable[bytes]) -> Iterator[tuple[bool, bytes]]:
    """Yield a stream as lines, long ones in pieces, each with whether it begins a line.

    An unfinished last line is left out where it may become one of a courier's.
    """
    rest, first = b"", True
    for chunk in stream:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield first, line + b"\n"
            first = True
        if len(rest) > _LINE:
            yield first, rest
            rest, first = b"", False
    if rest and not (first and _MARK.startswith(rest[: len(_MARK)])):
        yield first, rest


@frozen(kw_only=True)
class _Log:
    """A run's `output.log`, to which each attempt adds."""

    run_dir: Path

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.run_dir / "output.log"

    def start(self, attempt: int) -> int:
        """Return where an attempt's part of the log begins; the first look at it decides."""
        if attempt == 1:
            return 0
        note = self.run_dir / "attempts" / str(attempt) / "log.json"
        start = (read_record(note) or {}).get("start")
        if not isinstance(start, int):
            start = self._size()
            write_record(note, {"start": start})
        return min(start, self._size())

    def begins(self, content: Path) -> bool:
        """Whether it is missing, or is how `content` begins."""
        return not self._size() or self._added(content, 0) is not None

    def write(self, content: Path, start: int) -> None:
        """Make it what it is up to `start`, followed by `content`; readers see it grow."""
        added = self._added(content, start)
        if added is None:
            self._replace(content, start)
        else:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o666)
            with content.open("rb") as source, os.fdopen(descriptor, "ab") as log:
                source.seek(added)
                shutil.copyfileobj(source, log)

    def _replace(self, content: Path, start: int) -> None:
        draft = content.with_name("new-log")
        with draft.open("wb") as new:
            if start:
                with self._open() as old:
                    _copy_start(old, new, start)
            with content.open("rb") as source:
                shutil.copyfileobj(source, new)
        draft.replace(self.path)

    def _added(self, content: Path, start: int) -> int | None:
        """Return from where `content` is new; None when it does not go on where the log ends."""
        if not os.path.lexists(self.path):
            return 0
        if self.path.is_symlink() or not self.path.is_file():
            return None
        with self._open() as log, content.open("rb") as source:
            log.seek(start)
            while known := log.read(1 << 16):
                if source.read(len(known)) != known:
                    return None
            return source.tell()

    def _size(self) -> int:
        try:
            found = self.path.lstat()
        except FileNotFoundError:
            return 0
        return found.st_size if stat.S_ISREG(found.st_mode) else 0

    def _open(self) -> IO[bytes]:
        return os.fdopen(os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW), "rb")


def _copy_start(source: IO[bytes], target: BinaryIO, size: int) -> None:
    while size > 0 and (piece := source.read(min(size, 1 << 16))):
        target.write(piece)
        size -= len(piece)


@frozen(kw_only=True)
class _Writer:
    """Writes the files of frames below a run folder, and nothing anywhere else."""

    run_dir: Path
    scratch: Path
    limit: int
    #: Names that a later frame had.
    known: set[PurePosixPath] = field(factory=set, init=False)

    def write(self, frames: Iterable[Path]) -> Path | None:
        """Write files as the last frame that has them says; returns the log if one has it whole."""
        for frame in reversed(list(frames)):
            try:
                self._unpack(frame)
            except _UNREADABLE as error:
                _logger.warning("%s: a part of what came back can't be read: %s", self.run_dir, error)
        exact = self.scratch / "exact"
        return exact if exact.exists() else None

    def _unpack(self, frame: Path) -> None:
        with gzip.open(frame) as zipped:
            bounded: Any = _Bounded(zipped, self.limit)  # of a file, tarfile uses `read` alone here
            with tarfile.open(fileobj=bounded, mode="r|") as archive:
                for member in archive:
                    name = _name(member)
                    if name is not None and name not in self.known:
                        self._take(archive, member, name)
                        self.known.add(name)

    def _take(self, archive: tarfile.TarFile, member: tarfile.TarInfo, name: PurePosixPath) -> None:
        draft = self.scratch / "draft"
        if member.issym():
            draft.symlink_to(member.linkname)
        else:
            source = archive.extractfile(member)
            assert source is not None
            self._spool(source, member, draft)
        if name == PurePosixPath("output.log"):
            draft.replace(self.scratch / "exact")
            return
        try:
            _place(draft, self.run_dir, name)
        except OSError as error:
            if error.errno not in _UNWRITABLE:
                raise
            _logger.warning("%s: %s can't be written: %s", self.run_dir, name, error.strerror)
        finally:
            draft.unlink(missing_ok=True)

    def _spool(self, source: IO[bytes], member: tarfile.TarInfo, draft: Path) -> None:
        with draft.open("wb") as target:
            shutil.copyfileobj(source, target)
        if draft.stat().st_size != member.size:
            raise EOFError(f"{member.name} is cut off")
        draft.chmod(0o700 if member.mode & 0o100 else 0o600)
        with contextlib.suppress(OverflowError):
            os.utime(draft, (member.mtime, member.mtime))


class _Bounded:
    """Reads no more than some bytes: a few compressed ones can stand for any number."""

    def __init__(self, source: gzip.GzipFile, limit: int) -> None:
        self._source = source
        self._left = limit

    def read(self, size: int) -> bytes:
        data = self._source.read(min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise EOFError("it holds more than may be sent back")
        return data


def _name(member: tarfile.TarInfo) -> PurePosixPath | None:
    """Return where a member goes in the run folder; None if it goes nowhere."""
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or "\0" in member.name:
        return None
    regular = member.isreg() and not member.issparse()
    if name.parts[:1] == ("workspace",) and len(name.parts) > 1:
        inside = member.issym() and _leads_inside(name, member.linkname)
        return name if regular or inside else None
    if name.parts[:1] == ("reads",) and len(name.parts) > 1:
        return name if regular else None
    record = _RECORD.fullmatch(str(name)) and name.name not in _OURS
    return name if regular and (record or str(name) == "output.log") else None


def _leads_inside(name: PurePosixPath, target: str) -> bool:
    """Whether a link in the workspace can't lead out of it, whatever is made there later.

    It goes up first, and no further than the workspace, whose folders are no links; then only down,
    through links perhaps of which the same holds.
    """
    parts = PurePosixPath(target).parts
    up = next((place for place, part in enumerate(parts) if part != ".."), len(parts))
    depth = len(name.parts) - 2
    return bool(parts) and "\0" not in target and parts[0] != "/" and up <= depth and ".." not in parts[up:]


def _place(draft: Path, run_dir: Path, name: PurePosixPath) -> None:
    """Move a file to its place, through folders that are no links."""
    folder = os.open(run_dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in name.parts[:-1]:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, dir_fd=folder)
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        if not _is_same(draft, name.name, folder):
            os.replace(draft, name.name, dst_dir_fd=folder)
    finally:
        os.close(folder)


def _is_same(draft: Path, name: str, folder: int) -> bool:
    """Whether a file is there already; one that stays is not written again with each look."""
    if draft.is_symlink():
        return False
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError:
        return False
    with os.fdopen(descriptor, "rb") as old, draft.open("rb") as new:
        there, here = os.fstat(old.fileno()), os.fstat(new.fileno())
        if not stat.S_ISREG(there.st_mode) or there.st_size != here.st_size:
            return False
        while piece := new.read(1 << 16):
            if old.read(len(piece)) != piece:
                return False
    return True
