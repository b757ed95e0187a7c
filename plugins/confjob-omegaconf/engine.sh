#!/bin/sh
# Make or complete a virtual environment with Hydra, for the tests: engine.sh VENV
# Quick when it is ready.
set -eu
venv=$1
ready=$venv/.confjob-hydra-1.3.8
if [ -e "$ready" ]; then exit 0; fi
[ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check hydra-core==1.3.8 omegaconf==2.3.1
: >"$ready"
