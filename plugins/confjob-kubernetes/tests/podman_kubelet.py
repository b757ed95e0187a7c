"""A kubelet that runs pods with `podman kube play`.

Volumes of ConfigMaps and Secrets are laid out here, as a kubelet does: Podman 4.3 hands on a Secret's
base64 as it is, and sets no modes. Claims are folders. All else of the pod is as Kubernetes gets it.
"""

from __future__ import annotations

import base64
import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import yaml

__all__ = ["PodmanKubelet"]

Object = dict[str, Any]


def podman(*words: str, given: str | None = None, check: bool = True) -> bytes:
    """Return what podman prints."""
    done = subprocess.run(
        ["podman", *words],
        input=given.encode() if given else None,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert not check or done.returncode == 0, (words, done.stderr)
    return done.stdout


class PodmanKubelet:
    """Runs pods; `folder` is where volumes are laid out, `claims` where claims lead to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.claims: dict[str, Path] = {}

    def start(self, pod: Object, objects: dict[tuple[str, str], Object]) -> None:
        played = self.played(pod, objects)
        podman("kube", "play", "--quiet", "--network=host", "-", given=yaml.safe_dump(played))

    def played(self, pod: Object, objects: dict[tuple[str, str], Object]) -> Object:
        """Return a pod for Podman."""
        spec = copy.deepcopy(pod["spec"])
        for volume in spec["volumes"]:
            if "configMap" in volume:
                source = volume.pop("configMap")
                volume["hostPath"] = self._laid_out(pod, objects["configmaps", source["name"]], source)
            elif "secret" in volume:
                source = volume.pop("secret")
                volume["hostPath"] = self._laid_out(pod, objects["secrets", source["secretName"]], source)
            elif "persistentVolumeClaim" in volume:
                claim = volume.pop("persistentVolumeClaim")["claimName"]
                volume["hostPath"] = {"path": str(self.claims[claim]), "type": "Directory"}
        name = pod["metadata"]["name"]
        self._apart(name, spec)
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}

    @staticmethod
    def _apart(name: str, spec: Object) -> None:
        """Give each pod folders of its own: Podman 4.3 knows an emptyDir by the volume's name alone."""
        empty = {each["name"] for each in spec["volumes"] if "emptyDir" in each}
        mounts = [mount for each in spec["containers"] for mount in each["volumeMounts"]]
        for each in (*spec["volumes"], *mounts):
            if each["name"] in empty:
                each["name"] = f"{name}-{each['name']}"

    def _laid_out(self, pod: Object, thing: Object, source: Object) -> Object:
        folder = self.folder / pod["metadata"]["name"] / thing["kind"] / thing["metadata"]["name"]
        folder.mkdir(parents=True, exist_ok=True)
        texts = {name: text.encode() for name, text in (thing.get("data") or {}).items()}
        if thing["kind"] == "Secret":
            texts = {name: base64.b64decode(text) for name, text in texts.items()}
        binary = (thing.get("binaryData") or {}).items()
        for name, content in {**texts, **{name: base64.b64decode(text) for name, text in binary}}.items():
            (folder / name).write_bytes(content)
            (folder / name).chmod(source["defaultMode"])
        return {"path": str(folder), "type": "Directory"}

    def look(self, pod: Object) -> Object:
        found = json.loads(podman("container", "inspect", _container(pod), check=False) or b"[]")
        state = found[0]["State"] if found else {"Status": "created"}
        if state["Status"] in ("exited", "stopped"):
            code = state["ExitCode"]
            reason = "OOMKilled" if state["OOMKilled"] else "Error" if code else "Completed"
            ended = {"terminated": {"exitCode": code, "reason": reason}}
            phase = "Failed" if code else "Succeeded"
            return {"phase": phase, "containerStatuses": [{"name": "job", "state": ended}]}
        phase = "Running" if state["Status"] in ("running", "stopping") else "Pending"
        return {"phase": phase, "containerStatuses": [{"name": "job", "state": {}}]}

    def log(self, pod: Object) -> bytes | None:
        done = subprocess.run(
            ["podman", "logs", _container(pod)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
            check=False,
        )
        return done.stdout if done.returncode == 0 else None

    def stop(self, pod: Object, grace: int) -> None:
        podman("stop", f"--time={grace}", _container(pod), check=False)

    def remove(self, pod: Object) -> None:
        podman("pod", "rm", "--force", "--time=0", pod["metadata"]["name"], check=False)


def _container(pod: Object) -> str:
    return f"{pod['metadata']['name']}-job"
