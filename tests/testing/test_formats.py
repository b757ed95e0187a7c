"""A format that keeps the laws passes; each way of breaking one is caught."""

import pytest
from attrs import evolve

from confjob.builtin.toml import FORMAT
from confjob.plugin import MISSING, Delivery, InvalidOverrides, Problem
from confjob.testing import check_format

TEXT = '# top\nlr = 0.1\n[model]\nname = "a" # why\n'


def delivered(change_text):
    """Return a `deliver` whose text is changed afterwards."""

    def deliver(document, changes):
        delivery = FORMAT.deliver(document, changes)
        return evolve(delivery, files={path: change_text(text) for path, text in delivery.files.items()})

    return deliver


def refusing(**wrong):
    def deliver(document, changes):
        if changes:
            fields = {"code": "no", "message": "no", "path": changes[0].path, **wrong}
            raise InvalidOverrides.of([Problem(**fields)])
        return FORMAT.deliver(document, changes)

    return deliver


def load_elsewhere(source):
    document = FORMAT.load(source)
    nodes = {
        path: evolve(node, where=evolve(node.where, line=node.where.line + 1))
        for path, node in document.nodes.items()
    }
    return evolve(document, nodes=nodes)


def load_nowhere(source):
    document = FORMAT.load(source)
    return evolve(document, nodes={path: evolve(node, where=None) for path, node in document.nodes.items()})


def write_the_file(document, changes):
    (document.source.root / "c.toml").write_text("lr = 1\n")
    return FORMAT.deliver(document, changes)


def leak(document, changes):
    return evolve(FORMAT.deliver(document, changes), environment={"X": "1"})


def test_a_format_that_keeps_the_laws_passes():
    check_format(FORMAT, TEXT, file_name="c.toml", changes=[("lr", 0.2), ("model.name", MISSING)])


def test_a_format_may_refuse_everything_but_what_must_not_be_refused():
    refuses = evolve(FORMAT, deliver=refusing())
    check_format(refuses, TEXT, file_name="c.toml")
    with pytest.raises(AssertionError, match="refused"):
        check_format(refuses, TEXT, file_name="c.toml", changes=[("lr", 0.2)])


@pytest.mark.parametrize(
    ("broken", "law"),
    [
        ({"deliver": delivered(lambda text: text + "\n")}, "no change altered the text"),
        ({"deliver": leak}, "no change delivered a variable"),
        ({"deliver": lambda document, changes: Delivery()}, "loaded again"),
        ({"load": load_elsewhere}, "not those of the offset"),
        ({"load": load_nowhere}, "has no place"),
        ({"deliver": refusing(message="")}, "without a reason"),
        ({"deliver": refusing(code="")}, "without a code"),
    ],
)
def test_a_law_that_is_broken_is_named(broken, law):
    with pytest.raises(AssertionError, match=law):
        check_format(evolve(FORMAT, **broken), TEXT, file_name="c.toml")


def test_a_change_that_touches_other_lines_is_caught():
    def deliver(document, changes):
        delivery = FORMAT.deliver(document, changes)
        if not changes:
            return delivery
        files = {path: text.replace("# top", "# TOP") for path, text in delivery.files.items()}
        return evolve(delivery, files=files)

    with pytest.raises(AssertionError, match="altered line 1"):
        check_format(evolve(FORMAT, deliver=deliver), TEXT, file_name="c.toml")


def test_a_format_that_writes_the_projects_own_file_is_caught():
    with pytest.raises(AssertionError):
        check_format(evolve(FORMAT, deliver=write_the_file), TEXT, file_name="c.toml")
