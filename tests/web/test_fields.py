"""More fields than a page has are turned away, and are no fault of ours."""

import pytest

SCRIPT = {"launch.toml": '[jobs.train]\ncommand = ["true"]\n'}


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("/queue/move", 11),
        ("/queue/pause", 11),
        ("/queue/resume", 11),
        ("/runs/cancel", 1001),
        ("/runs/retry", 1001),
        ("/jobs/train", 100_001),
    ],
)
def test_a_form_of_too_many_fields_is_turned_away(project, visit, path, count):
    body = "&".join(f"run={number}" for number in range(count))
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = visit(project.write(SCRIPT).root).post(path, content=body, headers=headers)
    assert answer.status_code == 413


def test_so_is_an_address(project, visit):
    run = project.write(SCRIPT).launch("train")["id"]
    query = "&".join(f"path={number}" for number in range(11))
    assert visit(project.root).get(f"/runs/{run}/output?{query}").status_code == 413
