#!/bin/sh
# Make or complete a virtual environment with torchtune, for the tests: engine.sh VENV
# Quick when it is ready. torchtune 0.6.1 does not import with torchao newer than 0.14;
# bitsandbytes is there only so that the optimizers that configs name can be found.
set -eu
venv=$1
ready=$venv/.confjob-torchtune-0.6.1
if [ -e "$ready" ]; then exit 0; fi
[ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
install() { "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }
install torch==2.13.0
install torchtune==0.6.1 torchao==0.14.1
install --no-deps bitsandbytes==0.50.2
: >"$ready"
