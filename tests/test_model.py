from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confjob.errors import InputError
from confjob.keypath import KeyPath
from confjob.model import (
    Delivery,
    Document,
    InputSpec,
    JobSpec,
    Node,
    Resources,
    Source,
    Span,
    State,
    overlaid,
    require_text,
)
from confjob.tree import walk


def source(root=Path(), path="c.yaml", **more):
    return Source(input="c.yaml", path=path and PurePosixPath(path), root=root, **more)


def document(tree, file="c.yaml"):
    spans = (Span(file=PurePosixPath(file), line=line, column=1, start=0, end=0) for line in range(1, 1000))
    nodes = {
        path: Node(value=value, where=span) for (path, value), span in zip(walk(tree), spans, strict=False)
    }
    return Document(source=source(), nodes=nodes)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("16GiB", 16 << 30),
        ("16G", 16 * 10**9),
        ("16gb", 16 * 10**9),
        ("1.5MiB", 3 << 19),
        ("512 KiB", 512 << 10),
        ("2TiB", 2 << 40),
        ("7b", 7),
        ("7", 7),
        (2000000, 2000000),
        (" 1k ", 1000),
    ],
)
def test_amounts_of_memory(text, amount):
    assert Resources.bytes_of(text) == amount


@pytest.mark.parametrize("text", ["", "GiB", "-1G", "1XB", "1 GiB x", "1e3", True, None, "1.G", "16GiBi"])
def test_what_is_no_amount_of_memory(text):
    with pytest.raises(ValueError, match="is not an amount of memory such as 16GiB"):
        Resources.bytes_of(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("4h", 14400),
        ("1d12h", 129600),
        ("90m", 5400),
        ("1d4h30m15s", 102615),
        (3600, 3600),
        ("60", 60),
        ("0s", 0),
    ],
)
def test_times(text, seconds):
    assert Resources.seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", " ", "4", "h", "30m4h", "4 h", "1.5h", "-1h", 1.5, "4x", None])
def test_what_is_no_time(text):
    if text == "4":
        assert Resources.seconds_of(text) == 4
        return
    with pytest.raises(ValueError, match="is not a time such as 4h"):
        Resources.seconds_of(text)


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
def test_a_time_is_the_sum_of_its_parts(days, hours, minutes, seconds):
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    assert Resources.seconds_of(f"{days}d{hours}h{minutes}m{seconds}s") == total


def test_resources_are_read_from_the_manifest_s_spelling():
    parsed = Resources.parse({"cpus": 1.5, "memory": "1KiB", "gpus": 0, "time": "1m"})
    assert parsed == Resources(cpus=1.5, memory=1024, gpus=0, time=60)
    assert Resources.parse({}) == Resources()


def test_later_deliveries_win():
    one = Delivery(files={PurePosixPath("a"): "1"}, private={"x": "1"}, command=("a",))
    two = Delivery(files={PurePosixPath("a"): "2", PurePosixPath("b"): "2"}, environment={"E": "2"})
    both = Delivery.together([one, two])
    assert both.files == {PurePosixPath("a"): "2", PurePosixPath("b"): "2"}
    assert (both.private, both.environment, both.command) == ({"x": "1"}, {"E": "2"}, ("a",))
    assert Delivery.together([]) == Delivery()


def test_a_source_reads_what_was_delivered_and_knows_what_is_on_disk(tmp_path):
    (tmp_path / "c.yaml").write_bytes(b"\xef\xbb\xbfa: 1\r\n")
    before = source(tmp_path, command=("python",))
    after = before.applied(Delivery(files={PurePosixPath("c.yaml"): "a: 2\n"}, command=("python", "x")))
    assert require_text(before) == "a: 1\n"
    assert require_text(after) == "a: 2\n"
    assert after.command == ("python", "x")
    assert after.on_disk(PurePosixPath("c.yaml")).raw == "\ufeffa: 1\r\n"
    assert after.applied(Delivery()).command == ("python", "x")


def test_a_source_without_a_file_has_no_text(tmp_path):
    with pytest.raises(InputError, match="reads files"):
        require_text(source(tmp_path, path=None))
    with pytest.raises(InputError, match="no such file"):
        require_text(source(tmp_path))


def test_digits_are_indices_where_a_list_stands():
    there = document({"l": [{"0": [5]}], "m": {"1": "x"}})
    resolve = lambda text: tuple(there.resolve(KeyPath.parse(text)))  # noqa: E731
    assert resolve("l.0.0.0") == ("l", 0, "0", 0)
    assert resolve("m.1") == ("m", "1")
    assert resolve("l[0].x.1") == ("l", 0, "x", "1")
    assert resolve("new.0") == ("new", "0")
    assert resolve("l." + "9" * 5000) == ("l", "9" * 5000)


def test_a_missing_value_has_the_place_of_its_nearest_ancestor():
    there = document({"a": {"b": 1}})
    assert there.where(KeyPath(("a", "b"))).line == 3
    assert there.where(KeyPath(("a", "x", "y"))).line == 2
    assert there.where(KeyPath(("x",))).line == 1
    assert str(there.where(KeyPath())) == "c.yaml:1:1"
    empty = Document(source=source(), nodes={})
    assert (empty.where(KeyPath(("a",))), empty.tree) == (None, {})


def spec(name, path=None, **more):
    return InputSpec(name=name, kind="file", path=path and PurePosixPath(path), **more)


def test_an_input_is_found_by_name_then_by_path_then_by_the_file_read_for_it():
    first = spec("config", "a.yaml", source=PurePosixPath("b.yaml"))
    second = spec("b.yaml", "b.yaml")
    third = spec("a.yaml", "c.yaml")
    run_config = InputSpec(name="run-config", kind="run-config")
    job = JobSpec(name="j", inputs=(run_config, first, second, third), command=("x",))
    assert job.input("config") is first
    assert job.input("./b.yaml") is second
    assert job.input("a.yaml") is third
    assert job.input("c.yaml") is third
    assert job.input("run-config") is run_config
    for unknown in ("None", "", "d.yaml"):
        assert job.input(unknown) is None
    assert JobSpec(name="j", inputs=(first,), command=("x",)).input("b.yaml") is first


def test_trees_of_nodes_are_merged_and_keep_their_places():
    below, above = (
        document({"a": {"x": 1, "y": 2}, "l": [1, 2]}),
        document({"a": {"y": 3}, "l": [9]}, "above"),
    )
    merged = overlaid(below.nodes, above.nodes)
    assert merged[KeyPath()].value == {"a": {"x": 1, "y": 3}, "l": [9]}
    assert str(merged[KeyPath(("a", "x"))].where.file) == "c.yaml"
    assert str(merged[KeyPath(("a", "y"))].where.file) == "above"
    assert KeyPath(("l", 1)) not in merged
    assert overlaid(None, above.nodes) is above.nodes
    assert overlaid(below.nodes, {}) is below.nodes


def test_states_print_as_themselves():
    assert [state for state in State if not state.final] == ["QUEUED", "STARTING", "RUNNING", "ENDING"]
    assert State("LOST").value == "LOST"
