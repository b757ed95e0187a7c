"""What keeps Jobs from being made: the client, the kubeconfig, the API, the namespace, permissions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from confjob.plugin import BackendError, Problem
from confjob_kubernetes.client import Api, ApiError

__all__ = ["problems"]

_NOT_FOUND: Final = 404

#: Without these nothing works.
_NEEDED: Final = (
    ("batch", "jobs", "", "create"),
    ("batch", "jobs", "", "list"),
    ("batch", "jobs", "", "patch"),
    ("batch", "jobs", "", "delete"),
    ("", "configmaps", "", "create"),
    ("", "secrets", "", "create"),
    ("", "pods", "", "list"),
    ("", "pods", "log", "get"),
)
#: Without these something is worse.
_WANTED: Final = (("", "pods", "", "patch", "a cancelled run's last output is lost"),)


def problems(api: Api) -> Iterator[Problem]:
    """Yield what is wrong, the first thing that hides the others alone."""
    try:
        version = api.get("/version")
        del version
        yield from _namespace(api)
        yield from _permissions(api)
    except BackendError as error:
        yield Problem(code="no-cluster", message=error.message, hint=error.hint)


def _namespace(api: Api) -> Iterator[Problem]:
    try:
        api.get(f"/api/v1/namespaces/{api.namespace}")
    except ApiError as refused:
        if refused.status == _NOT_FOUND:  # whoever may only see into it is told something else
            yield Problem(
                code="no-namespace",
                message=f"there is no namespace {api.namespace!r} in the cluster",
                hint="the target's namespace, or that of the kubeconfig's context",
            )


def _permissions(api: Api) -> Iterator[Problem]:
    for group, kind, part, verb in _NEEDED:
        if not _may(api, group, kind, part, verb):
            yield Problem(
                code="not-permitted",
                message=f"this account may not {verb} {_named(kind, part)} in namespace {api.namespace!r}",
                hint="a Role that allows it is in the README of confjob-kubernetes",
            )
    for group, kind, part, verb, loss in _WANTED:
        if not _may(api, group, kind, part, verb):
            yield Problem(
                code="not-permitted",
                message=f"this account may not {verb} {_named(kind, part)}: {loss}",
                hint="a Role that allows it is in the README of confjob-kubernetes",
                severity="warning",
            )


def _may(api: Api, group: str, kind: str, part: str, verb: str) -> bool:
    asked = {"namespace": api.namespace, "group": group, "resource": kind, "subresource": part, "verb": verb}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": asked},
    }
    answer = api.create("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    return (answer.get("status") or {}).get("allowed") is True


def _named(kind: str, part: str) -> str:
    return f"{kind}/{part}" if part else kind
