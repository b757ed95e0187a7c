"""A plugin's package as if it were installed, without building or installing anything.

What an installer writes for entry points is two small text files; with these and the
package's folder on the path, confjob finds the plugin as it finds any other.
"""

from __future__ import annotations

from pathlib import Path

from confjob.errors import ConfjobError
from confjob.registry.package import Package

__all__ = ["install"]


def install(folder: Path, into: Path) -> tuple[Path, Path]:
    """Write the metadata of the package in `folder`.

    Args:
        folder: Where its `pyproject.toml` lies.
        into: Where the metadata goes; made if it is missing.

    Returns:
        What belongs on the path: `into`, and where the package's modules are.

    Raises:
        ConfjobError: When the `pyproject.toml` can't be read or names no plugin.
    """
    package = Package.read(folder)
    if not package.entry_points:
        raise ConfjobError(f"{folder}: its pyproject.toml has no entry points of confjob's")
    metadata = into / f"{package.name.replace('-', '_')}-{package.version}.dist-info"
    metadata.mkdir(parents=True, exist_ok=True)
    head = f"Metadata-Version: 2.1\nName: {package.name}\nVersion: {package.version}\n"
    (metadata / "METADATA").write_text(head, encoding="utf-8")
    (metadata / "entry_points.txt").write_text(_points(package), encoding="utf-8")
    return into, package.modules


def _points(package: Package) -> str:
    groups = (
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
        for group, points in package.entry_points.items()
    )
    return "\n".join(groups)
