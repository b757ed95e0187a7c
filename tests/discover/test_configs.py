"""Config files: which ones are, and which stand for one another."""

from pathlib import Path, PurePosixPath

from confjob.discover.configs import read_configs
from confjob.project import Project


def configs(tmp_path, **files):
    names = []
    for name, text in files.items():
        path = Path(tmp_path, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        names.append(PurePosixPath(name))
    return read_configs(Project.find(tmp_path), names)


def test_mappings_are_configs_and_tools_settings_are_none(tmp_path):
    found = configs(
        tmp_path,
        **{
            "a.yaml": "a: 1\n",
            "list.yaml": "- 1\n",
            "broken.json": "{",
            "pyproject.toml": "a = 1\n",
            "t.txt": "a: 1\n",
        },
    )
    assert [str(path) for path in found.trees] == ["a.yaml"]


def test_files_of_one_folder_and_shape_stand_for_one_another(tmp_path):
    found = configs(
        tmp_path,
        **{
            "c/z.yaml": "a: 1\nb: 1\n",
            "c/base.yaml": "a: 1\nb: 1\nc: 1\n",
            "c/odd.yaml": "x: 1\n",
            "c/a.json": '{"a": 1, "b": 1}',
            "d/z.yaml": "a: 1\nb: 1\n",
        },
    )
    assert [[str(path) for path in each] for each in found.sets()] == [
        ["c/base.yaml", "c/z.yaml"],
        ["c/a.json"],
        ["c/odd.yaml"],
        ["d/z.yaml"],
    ]


def test_a_folder_with_very_many_holds_data(tmp_path):
    found = configs(tmp_path, **{f"d/{number}.json": "{}" for number in range(301)}, **{"c.json": "{}"})
    assert [str(path) for path in found.trees] == ["c.json"]
