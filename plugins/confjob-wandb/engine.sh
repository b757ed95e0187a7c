#!/bin/sh
# Make or complete a virtual environment with wandb, for the tests: engine.sh VENV
# Quick when it is ready. wandb checks schemas with jsonschema and takes Pydantic models.
set -eu
venv=$1
ready=$venv/.confjob-wandb-0.31.0
if [ -e "$ready" ]; then exit 0; fi
[ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check wandb==0.31.0 jsonschema pydantic
: >"$ready"
