"""Prints the run in a `.wandb` file as JSON: what `wandb sync` would upload of it.

Runs where wandb is: `decode_record.py FILE`. The file is a log in blocks of 32 KiB; a record
may be cut into several pieces, each with checksum, length and kind before it.
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

from wandb.proto.wandb_internal_pb2 import Record

_FILE_HEADER, _HEADER, _BLOCK = 7, 7, 32768
_FULL, _LAST = 1, 4


def _records(data: bytes) -> Iterator[Record]:
    at, whole = _FILE_HEADER, b""
    while at + _HEADER <= len(data):
        rest = _BLOCK - at % _BLOCK
        length, kind = struct.unpack_from("<HB", data, at + 4)
        if rest < _HEADER or not kind:
            at += rest
            continue
        whole += data[at + _HEADER : at + _HEADER + length]
        at += _HEADER + length
        if kind in (_FULL, _LAST):
            yield Record.FromString(whole)
            whole = b""


def _run(data: bytes) -> dict:
    told: dict = {"config": {}}
    for record in _records(data):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run = record.run
            told |= {
                "project": run.project,
                "name": run.display_name,
                "job_type": run.job_type,
                "id": run.run_id,
            }
        changed = record.run.config if kind == "run" else record.config
        for item in changed.update if kind in ("run", "config") else ():
            told["config"][item.key or ".".join(item.nested_key)] = json.loads(item.value_json)
    return told


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_run(Path(sys.argv[1]).read_bytes())))
