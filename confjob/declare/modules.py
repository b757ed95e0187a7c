"""Where a reference to code leads: `train:train`, `pkg.mod:func`, `src/pkg/mod.py:func`.

The name a file is imported under follows from where it lies, as for `python` itself: a
file in a package has the package's name, any other is found from its own folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from attrs import frozen

from confjob.errors import InputError
from confjob.textfile import contained
from confjob.words import did_you_mean

__all__ = ["Module", "candidates", "locate"]


@frozen(kw_only=True)
class Module:
    """A module of the project.

    Args:
        name: The dotted name it is imported under.
        file: Its file, relative to the project root.
        import_root: The folder, relative to the project root, that it is imported from.
    """

    name: str
    file: PurePosixPath
    import_root: PurePosixPath


def locate(root: Path, reference: str) -> Module:
    """Return the module that `train`, `pkg.mod` or `src/pkg/mod.py` names.

    Raises:
        InputError: When there is no such file, naming where it was looked for.
    """
    if reference.endswith(".py"):
        return _of_file(root, PurePosixPath(reference.removeprefix("./")))
    for base, file in candidates(reference):
        if (root / file).is_file():
            contained(root, file)
            return Module(name=reference, file=file, import_root=base)
    looked = ", ".join(str(file) for _, file in candidates(reference))
    raise InputError(
        f"no module {reference!r} in the project (looked for {looked})",
        hint=did_you_mean(f"{reference.rpartition('.')[2]}.py", _python_files(root, PurePosixPath())),
    )


def candidates(name: str) -> Iterator[tuple[PurePosixPath, PurePosixPath]]:
    """Yield (import root, file) of the places where module `name` may lie."""
    parts = name.split(".")
    for base in (PurePosixPath(), PurePosixPath("src")):
        yield base, base.joinpath(*parts[:-1], f"{parts[-1]}.py")
        yield base, base.joinpath(*parts, "__init__.py")


def _of_file(root: Path, file: PurePosixPath) -> Module:
    try:
        contained(root, file)
    except InputError as error:
        hint = did_you_mean(file.name, _python_files(root, file.parent)) or error.hint
        raise InputError(error.message, hint=hint) from None
    packages = [file.stem] if file.name != "__init__.py" else []
    folder = file.parent
    while folder.parts and ((root / folder / "__init__.py").is_file() or _in_namespace(folder)):
        packages.insert(0, folder.name)
        folder = folder.parent
    return Module(name=".".join(packages), file=file, import_root=folder)


def _in_namespace(folder: PurePosixPath) -> bool:
    """Whether a folder without `__init__.py` is a package all the same: anything below `src`."""
    return len(folder.parts) > 1 and folder.parts[0] == "src" and all(map(str.isidentifier, folder.parts))


def _python_files(root: Path, folder: PurePosixPath) -> list[str]:
    where = root / folder
    return sorted(path.name for path in where.glob("*.py")) if where.is_dir() else []
