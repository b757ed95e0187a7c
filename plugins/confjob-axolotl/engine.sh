#!/bin/sh
# Make or complete a virtual environment with Axolotl, for the tests: engine.sh VENV
# Quick when it is ready. Axolotl comes without what it needs only to train on a GPU; pip
# therefore speaks of unmet requirements, and nothing here needs them.
set -eu
venv=$1
ready=$venv/.confjob-axolotl-0.19.0
if [ -e "$ready" ]; then exit 0; fi
[ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
install() { "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }
install torch==2.13.0
install --no-deps axolotl==0.19.0
install pydantic==2.12.5 transformers==5.16.1 accelerate==1.13.0 addict PyYAML requests colorama \
    packaging==26.0 pillow python-dotenv
install posthog==6.7.11 pyarrow datasets==4.8.4 numba
install --no-deps peft==0.20.0 trl==1.9.0 mistral-common==1.11.5 einops scipy
: >"$ready"
