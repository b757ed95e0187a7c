"""What a target may say, and what is refused with the name of the option."""

from __future__ import annotations

import pytest
from confjob_kubernetes import KUBERNETES

from confjob.declare.structure import structure_value
from confjob.errors import ManifestError


def structured(**said):
    table = {"image": "job:1", **{name.replace("_", "-"): value for name, value in said.items()}}
    return structure_value(table, KUBERNETES.options, "targets.cluster")


def test_options_are_read_as_a_manifest_has_them():
    options = structured(
        mounts=[{"claim": "data", "path": "/data", "sub-path": "a", "read-only": True}],
        host_mounts=[{"host": "/scratch", "path": "/scratch"}],
        shm_size="8GiB",
        affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}}},
        volume={"claim": "state", "path": "/mnt/state/"},
        files="volume",
    )
    assert options.mounts[0].sub_path == "a"
    assert str(KUBERNETES.elsewhere(options).state) == "/mnt/state"
    assert str(KUBERNETES.elsewhere(structured()).state) == "/confjob"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"image": "a b"}, "no spaces"),
        ({"image": ""}, "must not be empty"),
        ({"namespace": "Research"}, "namespace can't be 'Research'"),
        ({"queue": "a\nb"}, "queue can't be"),
        ({"python": "python3\0"}, "control character"),
        ({"node_selector": {"a b": "c"}}, "node-selector: 'a b'"),
        ({"labels": {"team": "a b"}}, "labels: 'team' can't be 'a b'"),
        ({"labels": {"confjob/run": "x"}}, "confjob's own"),
        ({"shm_size": "much"}, "shm-size"),
        ({"grace": -1}, "grace can't be -1"),
        ({"mounts": [{"claim": "data", "path": "data"}]}, "path can't be 'data'"),
        ({"mounts": [{"claim": "data", "path": "/confjob/x"}]}, "confjob's own files are there"),
        ({"mounts": [{"claim": "data", "path": "/a/../confjob"}]}, "path can't be"),
        ({"mounts": [{"claim": "data", "path": "/data", "sub-path": "../x"}]}, "sub-path can't be"),
        ({"files": "volume"}, "belong together"),
        ({"volume": {"claim": "state", "path": "/state"}}, "belong together"),
        ({"files": "image"}, "must be one of"),
        ({"pod_template": {"sepc": {}}}, "did you mean 'spec'"),
        ({"pod_template": {"metadata": {"name": "x"}}}, "annotations and labels"),
        ({"pod_template": {"metadata": {"labels": {"confjob/run": "x"}}}}, "confjob's own"),
        ({"pod_template": {"spec": {"hostNetwork": True}}}, "option 'host-network'"),
        ({"pod_template": {"spec": {"volumes": [{"name": "x", "hostPath": {"path": "/"}}]}}}, "host-mounts"),
        (
            {
                "pod_template": {
                    "spec": {"containers": [{"name": "x", "securityContext": {"privileged": True}}]}
                }
            },
            "option 'privileged'",
        ),
        ({"pod_template": {"spec": {"containers": [{"name": "job", "command": ["sh"]}]}}}, "confjob's own"),
        ({"pod_template": {"spec": {"restartPolicy": "Always"}}}, "confjob's own"),
        ({"imagee": "x"}, "unknown key"),
    ],
)
def test_what_no_cluster_could_take_or_a_policy_could_not_see_is_refused(said, why):
    with pytest.raises(ManifestError) as refused:
        structured(**said)
    told = " ".join(f"{each.message} {each.hint}" for each in refused.value.problems)
    assert why in told
