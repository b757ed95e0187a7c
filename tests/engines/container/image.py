"""Writes a tar that a container engine can import as an image, made of what this machine has.

CI can pull no image. This one holds busybox under the name of each of its programs, or that and a
Python with a few distributions: the interpreter that runs this file, its standard library, the
distributions with what they require, and the shared libraries that `ldd` names for all of it.
The standard library of any Python 3.10 is enough to run it.

    python3 image.py [DISTRIBUTION …] [--package FOLDER] >image.tar
    python3 image.py --busybox-only >image.tar
"""

from __future__ import annotations

import argparse
import io
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

#: Of the standard library, what no job in a test needs.
_LEFT_OUT = frozenset({"__pycache__", "test", "tests", "idlelib", "tkinter", "ensurepip", "site-packages"})

_FOLDERS = ("bin", "etc", "home", "proc", "root", "sys", "dev", "usr/bin", "usr/sbin", "lib64")


class Image:
    """A tar in the making; what is added twice counts once."""

    def __init__(self, out: tarfile.TarFile) -> None:
        self.out = out
        self.names: set[str] = set()

    def _entry(self, name: str, kind: bytes, mode: int) -> tarfile.TarInfo | None:
        name = name.strip("/")
        if not name or name in self.names:
            return None
        self.names.add(name)
        self.folder(name.rpartition("/")[0])
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode = kind, mode
        return entry

    def folder(self, name: str, mode: int = 0o755) -> None:
        entry = self._entry(name, tarfile.DIRTYPE, mode)
        if entry is not None:
            self.out.addfile(entry)

    def link(self, name: str, target: str) -> None:
        entry = self._entry(name, tarfile.SYMTYPE, 0o777)
        if entry is not None:
            entry.linkname = target
            self.out.addfile(entry)

    def text(self, name: str, text: str) -> None:
        entry = self._entry(name, tarfile.REGTYPE, 0o644)
        if entry is not None:
            content = text.encode()
            entry.size = len(content)
            self.out.addfile(entry, io.BytesIO(content))

    def file(self, source: Path, name: str | None = None) -> None:
        entry = self._entry(str(source) if name is None else name, tarfile.REGTYPE, 0o755)
        if entry is not None:
            with source.open("rb") as content:
                entry.size = os.fstat(content.fileno()).st_size
                self.out.addfile(entry, content)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("distributions", nargs="*")
    parser.add_argument("--busybox-only", action="store_true")
    parser.add_argument("--package", type=Path, help="the folder of a package that is copied as well")
    said = parser.parse_args()
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as out:
        image = Image(out)
        add_base(image)
        if not said.busybox_only:
            add_python(image, said.distributions, said.package)


def add_base(image: Image) -> None:
    """Add busybox as every program it can be, and the files that programs look for."""
    for name in _FOLDERS:
        image.folder(name)
    for name in ("tmp", "var/tmp"):
        image.folder(name, 0o1777)
    image.text("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
    image.text("etc/group", "root:x:0:\n")
    busybox = shutil.which("busybox")
    assert busybox, "busybox is not installed"
    image.file(Path(busybox), "bin/busybox")
    listed = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
    for name in listed.stdout.split():
        image.link(f"bin/{name}", "busybox")


def add_python(image: Image, distributions: Iterable[str], package: Path | None) -> None:
    """Add the interpreter that runs this, and what its distributions are made of."""
    files = [*_interpreter(image), *_library(Path(sysconfig.get_path("stdlib")))]
    for file in files:
        image.file(file)
    site = _site()
    objects = [file for file in files if _is_object(file)]
    for file, name in _distributed(distributions):
        image.file(file, f"{site}/{name}")
        if _is_object(file):
            objects.append(file)
    if package is not None:
        for file in _library(package):
            image.file(file, f"{site}/{file.relative_to(package.parent)}")
    for name in _libraries(objects):
        image.file(Path(os.path.realpath(name)), name)


def _interpreter(image: Image) -> Iterator[Path]:
    program = Path(os.path.realpath(sys.executable))
    for name in ("python", "python3"):
        image.link(f"usr/bin/{name}", str(program))
    yield program


def _library(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if name not in _LEFT_OUT and not name.startswith("config-")
        )
        yield from (Path(place, name) for name in sorted(names) if not name.endswith((".pyc", ".a")))


def _site() -> str:
    """Where the interpreter looks for distributions when it is in no virtual environment."""
    script = "import site; print(site.getsitepackages()[0])"
    program = os.path.realpath(sys.executable)
    return subprocess.run(
        [program, "-I", "-c", script], capture_output=True, text=True, check=True
    ).stdout.strip()


def _distributed(names: Iterable[str]) -> Iterator[tuple[Path, str]]:
    """Yield the files of distributions and of what they require, each with its place."""
    left, seen = list(names), set()
    while left:
        found = metadata.distribution(left.pop())
        if found.name.lower() in seen:
            continue
        seen.add(found.name.lower())
        plain = (each for each in found.requires or () if ";" not in each)  # no extras, no other systems
        left += [re.split(r"[^A-Za-z0-9_.-]", each)[0] for each in plain]
        for path in found.files or ():
            place = Path(str(found.locate_file(path))).absolute()
            if ".." not in path.parts and not _LEFT_OUT & set(path.parts) and place.is_file():
                yield place, str(path)


def _is_object(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _libraries(objects: Iterable[Path]) -> set[str]:
    """Return the paths of the shared libraries that objects are linked with, and of the loader.

    What a distribution brings lies beside its objects, and is there already.
    """
    found: set[str] = set()
    own = [str(each) for each in objects]
    for start in range(0, len(own), 100):
        told = subprocess.run(["ldd", *own[start : start + 100]], capture_output=True, text=True, check=False)
        found |= set(re.findall(r"(?:=> |^\s+)(/\S+) \(0x", told.stdout, re.MULTILINE))
    brought = {os.path.realpath(each) for each in own}
    return {path for path in found if os.path.realpath(path) not in brought}


if __name__ == "__main__":
    main()
