"""The talk with the API: in what order, what twice, and what when it refuses or can't be reached."""

from __future__ import annotations

import contextlib
import copy
import io
import re
from collections import deque

import pytest
import yaml
from attrs import evolve
from cluster import cluster

from confjob.plugin import BackendError, State
from confjob.store import RunFolder

NAME = re.compile(r"/(jobs|configmaps|secrets|services|pods)(?:/([^/?]+))?")


def submitted(engine, *jobs):
    return {
        run: handle
        for chunk in engine.submit([job.submission for job in jobs])
        for run, handle in chunk.items()
    }


def kinds(stand_in, *methods):
    return [
        (method, NAME.search(url)[1])
        for method, url in stand_in.asked
        if method in methods and NAME.search(url)
    ]


def say(stand_in, code, message, *, method="POST", kind="jobs", times=1):
    """Let the API answer the next requests so."""
    left = [times]

    def fault(asked, url):
        match = NAME.search(url)
        if left[0] and asked == method and match and match[1] == kind:
            left[0] -= 1
            return code, {"kind": "Status", "message": message, "code": code}
        return None

    stand_in.fault = fault


# -- submitting --------------------------------------------------------------------------


def test_the_job_comes_first_suspended_and_is_let_go_once_all_its_files_are_there(stand_in, engine, jobs):
    job = jobs().echo()
    seen = []
    put = stand_in._put
    stand_in._put = lambda kind, body: (seen.append((kind, body)), put(kind, body))[1]
    [handle] = submitted(engine(), job).values()
    assert [kind for kind, _ in seen] == ["jobs", "configmaps", "secrets"]
    assert seen[0][1]["spec"]["suspend"] is True
    assert kinds(stand_in, "PATCH") == [("PATCH", "jobs")]
    made = stand_in.job()
    assert made["spec"]["suspend"] is False
    assert "confjob/sending" not in made["metadata"]["labels"]
    for kind in ("configmaps", "secrets"):
        [owner] = stand_in.of(kind)[0]["metadata"]["ownerReferences"]
        assert owner["uid"] == made["metadata"]["uid"]
    assert handle.startswith(f"default/confjob-{job.run}-1@")
    assert stand_in.headers[-1]["authorization"] == "Bearer a-token"


def test_the_archives_arrive_as_they_were(stand_in, engine, jobs):
    import base64
    import tarfile

    job = jobs().echo()
    submitted(engine(), job)
    part = base64.b64decode(stand_in.of("configmaps")[0]["binaryData"]["part"])
    with tarfile.open(fileobj=io.BytesIO(part)) as tar:
        script = tar.extractfile(f"runs/{job.run}/job.sh").read()
    assert script == job.submission.script.read_bytes()


def test_in_a_queue_it_stays_suspended_until_the_queue_lets_it_go(stand_in, engine, jobs):
    [handle] = submitted(engine(queue="gpus"), jobs().echo()).values()
    made = stand_in.job()
    assert made["spec"]["suspend"] is True
    assert made["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "gpus"
    assert engine().poll([handle])[handle].reason == "waits in queue gpus"


@pytest.mark.parametrize("at", ["jobs", "configmaps", "secrets", "patched"])
def test_whenever_it_is_killed_there_is_no_run_twice_and_none_taken_for_accepted(stand_in, engine, jobs, at):
    class Killed(BaseException):
        pass

    job = jobs().echo()
    paths = {job.run: job.folder.path}

    def kill(method, url):
        kind = NAME.search(url)[1] if NAME.search(url) else ""
        if (method == "PATCH" and at == "patched") or (method == "POST" and kind == at) or method == "DELETE":
            return 0, {}  # nothing is heard of it, and nothing can be tidied up
        return None

    stand_in.fault = kill
    with pytest.raises(BackendError, match="can't be reached"):
        submitted(engine(), job)
    stand_in.fault = lambda method, url: None
    assert not dict(engine().find(paths))
    again = submitted(engine(), job)
    assert dict(engine().find(paths)) == again
    assert len(stand_in.of("jobs")) == 1
    assert stand_in.job()["spec"]["suspend"] is False


def test_an_answer_that_is_lost_makes_no_second_run(stand_in, engine, jobs):
    job = jobs().echo()
    lost = []
    answer = stand_in.answer

    def cut(method, url, body):
        said = answer(method, url, body)
        if method == "POST" and url not in lost:
            lost.append(url)
            return 0, {}
        return said

    stand_in.answer = cut
    assert submitted(engine(), job).keys() == {job.run}
    assert len(stand_in.of("jobs")) == 1
    assert lost


def test_submitting_the_same_attempt_again_gives_the_same_handle_and_the_next_one_another(
    stand_in, engine, jobs
):
    job = jobs().echo()
    first = submitted(engine(), job)
    assert submitted(engine(), job) == first
    again = evolve(job, submission=evolve(job.submission, attempt=2))
    assert submitted(engine(), again) != first
    assert len(stand_in.of("jobs")) == 2


def test_a_job_of_that_name_that_is_somebody_elses_is_left_alone(stand_in, engine, jobs):
    job = jobs().echo()
    stand_in._put("jobs", {"metadata": {"name": f"confjob-{job.run}-1", "labels": {}}, "spec": {}})
    before = stand_in.of("jobs")
    with pytest.raises(BackendError, match="is not confjob's"):
        submitted(engine(), job)
    assert stand_in.of("jobs") == before


@pytest.mark.parametrize("kind", ["jobs", "configmaps", "secrets"])
def test_a_refusal_is_told_in_the_servers_words_and_leaves_nothing(stand_in, engine, jobs, kind):
    say(stand_in, 403, f'{kind} is forbidden: exceeded quota: "team"', kind=kind)
    with pytest.raises(BackendError, match='exceeded quota: "team"'):
        submitted(engine(), jobs().echo())
    assert not stand_in.objects


def test_what_was_accepted_beside_a_refusal_is_told(stand_in, engine, jobs):
    several = [jobs().echo() for _ in range(5)]
    say(stand_in, 403, "exceeded quota", times=1)
    told = {}
    with pytest.raises(BackendError, match="exceeded quota"):
        deque(map(told.update, engine().submit([job.submission for job in several])))
    assert len(told) == 4
    assert len(stand_in.of("jobs")) == 4


def test_a_busy_server_is_asked_again(stand_in, engine, jobs):
    say(stand_in, 429, "too many requests", times=2)
    assert submitted(engine(), jobs().echo())


def test_fields_that_no_schema_knows_are_refused_by_the_server(stand_in, engine, jobs):
    with pytest.raises(BackendError, match=r"strict decoding error.*'runtimeClas'"):
        submitted(engine(pod_template={"spec": {"runtimeClas": "x"}}), jobs().echo())
    assert all("fieldValidation=Strict" in url for method, url in stand_in.asked if method == "POST")
    assert not stand_in.objects


def test_what_was_cut_off_long_ago_is_removed_by_a_later_submission(stand_in, engine, jobs):
    old, new = jobs().echo(), jobs().echo()
    for job, created in ((old, "2020-01-01T00:00:00Z"), (new, None)):
        stand_in.fault = lambda method, url: (0, {}) if method in ("PATCH", "DELETE") else None
        with contextlib.suppress(BackendError):
            submitted(engine(), job)
        if created:
            stand_in.objects["jobs", f"confjob-{job.run}-1"]["metadata"]["creationTimestamp"] = created
    stand_in.fault = lambda method, url: None
    submitted(engine(), jobs().echo())
    names = {each["metadata"]["name"] for each in stand_in.of("jobs")}
    assert f"confjob-{old.run}-1" not in names
    assert f"confjob-{new.run}-1" in names  # somebody may be at it


# -- looking -----------------------------------------------------------------------------


def test_one_question_for_jobs_and_one_for_pods_serves_all_runs(stand_in, engine, jobs):
    handles = submitted(engine(), *[jobs().echo() for _ in range(9)])
    stand_in.asked.clear()
    assert len(engine().poll(handles.values())) == 9
    assert kinds(stand_in, "GET") == [("GET", "jobs"), ("GET", "pods")]


def test_thousands_of_runs_are_read_page_by_page(stand_in, engine, jobs):
    job = jobs().echo()
    [handle] = submitted(engine(), job).values()
    pattern = stand_in.job()
    for number in range(1700):
        other = copy.deepcopy(pattern)
        other["metadata"]["labels"]["confjob/run"] = f"r{number}"
        other["metadata"]["name"] = f"confjob-r{number}-1"
        stand_in.objects["jobs", other["metadata"]["name"]] = other
    handles = [handle, *(handle.replace(job.run, f"r{number}") for number in range(1700))]
    stand_in.asked.clear()
    said = engine().poll(handles)
    assert len(said) == 1701
    assert {status.state for status in said.values()} == {State.QUEUED}
    assert kinds(stand_in, "GET").count(("GET", "jobs")) == 4
    assert max(len(url) for _, url in stand_in.asked) < 2000


def test_a_list_whose_pages_have_expired_is_begun_again(stand_in, engine, jobs):
    handles = submitted(engine(), *[jobs().echo() for _ in range(5)])
    stand_in.page, expired = 2, []

    def fault(method, url):
        if "continue=4" in url and not expired:
            expired.append(url)
            return 410, {"kind": "Status", "reason": "Expired", "message": "The provided continue is too old"}
        return None

    stand_in.fault = fault
    assert len(engine().poll(handles.values())) == 5
    assert expired


def test_a_list_that_always_expires_is_an_error_and_not_a_shorter_list(stand_in, engine, jobs):
    handles = submitted(engine(), *[jobs().echo() for _ in range(5)])
    stand_in.page = 2
    stand_in.fault = lambda method, url: (410, {"message": "too old"}) if "continue=" in url else None
    with pytest.raises(BackendError, match="too old"):
        engine().poll(handles.values())


def test_it_is_found_without_its_handle_and_only_the_attempt_that_was_launched(stand_in, engine, jobs):
    job = jobs().echo()
    first = submitted(engine(), job)
    assert dict(engine().find({job.run: job.folder.path, "never": job.folder.path / "no"})) == first
    job.folder.begin_attempt()
    assert not engine().find({job.run: job.folder.path})
    second = submitted(engine(), evolve(job, submission=evolve(job.submission, attempt=2)))
    assert dict(engine().find({job.run: job.folder.path})) == second
    # The cluster ran it again by itself: that is still the second launch.
    (job.folder.path / "attempts/3").mkdir()
    assert dict(engine().find({job.run: job.folder.path})) == second


def test_it_goes_through_its_states(stand_in, engine, jobs):
    job = jobs().echo()
    [handle] = submitted(engine(), job).values()
    name = f"confjob-{job.run}-1"
    seen = [engine().poll([handle])[handle].state]
    pod = stand_in.add_pod(name, phase="Pending", containerStatuses=[{"name": "job", "state": {}}])
    seen.append(engine().poll([handle])[handle].state)
    pod["status"]["phase"] = "Running"
    seen.append(engine().poll([handle])[handle].state)
    pod["status"]["phase"] = "Succeeded"
    seen.append(engine().poll([handle])[handle].state)
    stand_in.finish(name, "Complete")
    seen.append(engine().poll([handle])[handle].state)
    assert [state.value for state in seen] == ["QUEUED", "STARTING", "RUNNING", "ENDING", "SUCCEEDED"]


def test_handles_that_it_never_gave_are_left_out(stand_in, engine, jobs):
    [handle] = submitted(engine(), jobs().echo()).values()
    strange = [
        "",
        "x",
        handle.replace("127.0.0.1", "10.0.0.1"),
        f"{handle}\n",
        handle.replace("@", "@@"),
        "../@x",
    ]
    assert engine().poll([*strange, handle]).keys() == {handle}


def test_another_cluster_does_not_end_the_runs_of_the_first(stand_in, engine, jobs, tmp_path):
    [handle] = submitted(engine(), jobs().echo()).values()
    other = tmp_path / "other"
    other.mkdir()
    with cluster(other):
        opened = engine(kubeconfig=str(other / "kubeconfig"))
        assert not opened.poll([handle])
        opened.cancel([handle])
    assert engine().poll([handle])[handle].state is State.QUEUED


def test_a_job_that_somebody_removed_is_lost_and_cancelled_if_that_was_asked_for(stand_in, engine, jobs):
    job = jobs().echo()
    [handle] = submitted(engine(), job).values()
    stand_in.objects.clear()
    assert engine().poll([handle])[handle].state is State.LOST
    job.folder.request_cancel("ann")
    assert job.told(engine(), handle).state is State.CANCELLED


def test_a_server_that_can_not_be_reached_is_no_end(tmp_path, engine, jobs):
    job = jobs().echo()
    with cluster(tmp_path):
        [handle] = submitted(engine(), job).values()
    for ask in (lambda: engine().poll([handle]), lambda: engine().find({job.run: job.folder.path})):
        with pytest.raises(BackendError, match=r"the cluster's API at 127\.0\.0\.1:\d+ can't be reached"):
            ask()
    assert not engine().poll([])


@pytest.mark.parametrize("content", [b"", b"<html>proxy</html>", b"[1]", b"{}", b'{"items": []}'])
def test_an_answer_that_is_none_of_the_apis_is_no_end(stand_in, engine, jobs, content):
    [handle] = submitted(engine(), jobs().echo()).values()
    stand_in.fault = lambda method, url: (200, content)
    with pytest.raises(BackendError, match="answers what is no"):
        engine().poll([handle])


def test_a_kubeconfig_that_is_not_there_is_told(tmp_path, engine):
    with pytest.raises(BackendError, match="the kubeconfig can't be used"):
        engine(kubeconfig=str(tmp_path / "none")).find({"abc": tmp_path})
    [problem] = engine(kubeconfig=str(tmp_path / "none")).check()
    assert problem.code == "no-cluster"


# -- ending ------------------------------------------------------------------------------


def test_what_waits_is_removed_and_what_runs_is_given_a_deadline_so_that_its_log_stays(
    stand_in, engine, jobs
):
    waiting, running = jobs().echo(), jobs().echo()
    handles = submitted(engine(), waiting, running)
    pod = stand_in.add_pod(f"confjob-{running.run}-1", phase="Running")
    engine().cancel(handles.values())
    [job] = stand_in.of("jobs")
    assert job["metadata"]["name"] == f"confjob-{running.run}-1"
    assert pod["spec"]["activeDeadlineSeconds"] == 1
    assert engine().poll(handles.values())[handles[running.run]].state is State.ENDING
    pod["status"] = {"phase": "Failed", "reason": "DeadlineExceeded"}
    stand_in.finish(job["metadata"]["name"], "Failed", "BackoffLimitExceeded")
    assert engine().poll(handles.values())[handles[running.run]].state is State.CANCELLED


def test_who_may_not_change_pods_removes_the_job(stand_in, engine, jobs):
    job = jobs().echo()
    handles = submitted(engine(), job)
    stand_in.add_pod(f"confjob-{job.run}-1", phase="Running")
    stand_in.denied.add(("PATCH", "pods"))
    engine().cancel(handles.values())
    assert not stand_in.of("jobs")


def test_cancelling_what_is_over_gone_or_unknown_does_nothing(stand_in, engine, jobs):
    over, gone = jobs().echo(), jobs().echo()
    handles = submitted(engine(), over, gone)
    stand_in.finish(f"confjob-{over.run}-1", "Complete")
    del stand_in.objects["jobs", f"confjob-{gone.run}-1"]
    before = stand_in.of("jobs")
    engine().cancel([*handles.values(), "no-such-handle", ""])
    assert stand_in.of("jobs") == before
    assert not kinds(stand_in, "DELETE")


def test_one_that_can_not_be_ended_does_not_keep_the_others_from_it(stand_in, engine, jobs):
    several = [jobs().echo() for _ in range(3)]
    handles = submitted(engine(), *several)
    say(stand_in, 403, "not yours", method="DELETE")
    with pytest.raises(BackendError, match="not yours"):
        engine().cancel(handles.values())
    assert len(stand_in.of("jobs")) == 1


# -- fetching ----------------------------------------------------------------------------


def header(attempt=1):
    return b"confjob: courier 1 " + b"t" * 32 + b" %d\n" % attempt


def test_what_a_pod_printed_comes_back_until_it_has_ended_and_then_is_not_asked_for_again(
    stand_in, engine, jobs
):
    job = jobs().echo()
    [handle] = submitted(engine(), job).values()
    engine().fetch(handle, job.folder.path)
    assert not job.folder.log.exists()  # there is no pod yet
    pod = stand_in.add_pod(f"confjob-{job.run}-1", phase="Pending")
    engine().fetch(handle, job.folder.path)  # nor has it begun
    assert not job.folder.log.exists()
    pod["status"]["phase"] = "Running"
    stand_in.logs[pod["metadata"]["name"]] = header() + b"one\n"
    engine().fetch(handle, job.folder.path)
    assert job.folder.log.read_bytes() == b"one"
    pod["status"]["phase"] = "Succeeded"
    stand_in.logs[pod["metadata"]["name"]] += b"two\n\xff\0three\n"
    engine().fetch(handle, job.folder.path)
    assert job.folder.log.read_bytes() == b"one\ntwo\n\xff\0three"
    stand_in.asked.clear()
    engine().fetch(handle, job.folder.path)
    assert not stand_in.asked


def test_a_pod_that_is_gone_leaves_what_was_fetched(stand_in, engine, jobs):
    job = jobs().echo()
    [handle] = submitted(engine(), job).values()
    pod = stand_in.add_pod(f"confjob-{job.run}-1", phase="Running")
    stand_in.logs[pod["metadata"]["name"]] = header() + b"one\n"
    engine().fetch(handle, job.folder.path)
    del stand_in.objects["pods", pod["metadata"]["name"]]
    engine().fetch(handle, job.folder.path)
    assert job.folder.log.read_bytes() == b"one"


def test_a_line_that_is_cut_while_the_log_is_read_leaves_what_was_there(stand_in, engine, jobs):
    job = jobs().echo()
    [handle] = submitted(engine(), job).values()
    pod = stand_in.add_pod(f"confjob-{job.run}-1", phase="Running")
    stand_in.logs[pod["metadata"]["name"]] = header() + b"one\n"
    engine().fetch(handle, job.folder.path)
    stand_in.fault = lambda method, url: (0, {}) if "/log" in url else None
    with pytest.raises(BackendError, match="can't be reached"):
        engine().fetch(handle, job.folder.path)
    assert job.folder.log.read_bytes() == b"one"


def test_a_pod_that_begins_the_attempt_anew_is_not_ended_by_the_record_of_the_one_before(
    stand_in, engine, jobs
):
    job = jobs().echo()
    [handle] = submitted(engine(queue="q"), job).values()
    name = f"confjob-{job.run}-1"
    stand_in.objects["jobs", name]["spec"]["suspend"] = False  # the queue lets it go
    first = stand_in.add_pod(name, phase="Running")
    stand_in.logs[first["metadata"]["name"]] = header() + b"one\n"
    engine().fetch(handle, job.folder.path)
    job.folder.write_json("attempts/1/end.json", {"exit_code": 143, "signal": "TERM", "at": 1})
    del stand_in.objects["pods", first["metadata"]["name"]]  # the queue takes it away
    second = stand_in.add_pod(name, phase="Running")
    stand_in.logs[second["metadata"]["name"]] = header() + b"two\n"
    engine().fetch(handle, job.folder.path)
    assert RunFolder(id=job.run, path=job.folder.path).end() is None
    assert job.folder.log.read_bytes() == b"two"


# -- checking ----------------------------------------------------------------------------


def test_all_is_well(stand_in, engine):
    assert not list(engine().check())


def test_what_the_account_may_not_do_is_told(stand_in, engine):
    stand_in.denied |= {("create", "jobs"), ("patch", "pods")}
    problems = {each.message: each.severity for each in engine().check()}
    assert problems == {
        "this account may not create jobs in namespace 'default'": "error",
        "this account may not patch pods: a cancelled run's last output is lost": "warning",
    }


def test_a_namespace_that_is_not_there_is_told(stand_in, engine):
    messages = [each.message for each in engine(namespace="research").check()]
    assert "there is no namespace 'research' in the cluster" in messages


def test_the_contexts_own_namespace_is_used(stand_in, engine, tmp_path):
    file = tmp_path / "kubeconfig"
    config = yaml.safe_load(file.read_text())
    config["contexts"][0]["context"]["namespace"] = "research"
    file.write_text(yaml.safe_dump(config))
    assert engine().api.namespace == "research"
    assert engine(namespace="mine").api.namespace == "mine"
