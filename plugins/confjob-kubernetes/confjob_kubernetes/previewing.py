"""The dry run: the objects as they would be made, in order, as YAML.

Archives are shown by their size: one is long, and the other holds secrets.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from confjob.plugin import Json, Submission
from confjob_kubernetes.inputs import Inputs
from confjob_kubernetes.manifest import Manifest
from confjob_kubernetes.options import KubernetesOptions

__all__ = ["preview"]


def preview(options: KubernetesOptions, submissions: Sequence[Submission]) -> str:
    """Return what would be made for runs.

    Raises:
        BackendError: When it can't be.
    """
    return "".join(_shown(options, each) for each in submissions)


def _shown(options: KubernetesOptions, submission: Submission) -> str:
    inputs = Inputs.of(submission, packed=options.files == "pack")
    manifest = Manifest(options=options, submission=submission, parts=inputs.count)
    manifest.check()
    objects = list(_objects(options, manifest, inputs, there=submission.run_dir.is_dir()))
    release = json.dumps(manifest.release())
    return f"{''.join(map(_document, objects))}# then Job {manifest.name} is let go: {release}\n"


def _objects(
    options: KubernetesOptions, manifest: Manifest, inputs: Inputs, *, there: bool
) -> Iterator[dict[str, Json]]:
    yield manifest.job()
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": manifest.name, "uid": "(the Job's)"}
    namespace = {"namespace": options.namespace} if options.namespace else {}
    metadata = {**namespace, "labels": manifest.labels, "ownerReferences": [owner]}
    yield from manifest.services(metadata)
    for each in inputs.objects(metadata, shown=True):
        # A plan has no run folder yet, so there is nothing to be measured.
        yield each if there else _unmeasured(each)


def _unmeasured(thing: dict[str, Json]) -> dict[str, Json]:
    part = "data" if thing["kind"] == "Secret" else "binaryData"
    return {**thing, **({part: dict.fromkeys(thing[part], "(the run's files)")} if part in thing else {})}


def _document(thing: dict[str, Json]) -> str:
    import yaml

    class Plain(yaml.SafeDumper):
        """YAML without anchors: people read it, and a Job has the same labels twice."""

        def ignore_aliases(self, data: Any) -> bool:
            del data
            return True

    text: str = yaml.dump(thing, Dumper=Plain, sort_keys=False, allow_unicode=True, width=100)
    return f"---\n{text}"
