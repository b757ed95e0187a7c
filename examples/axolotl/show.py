"""Print, as JSON, the config that Axolotl's own validation makes of a file."""

import json
import os
import sys
from pathlib import Path

os.environ.update({"AXOLOTL_DO_NOT_TRACK": "1", "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1"})

import torch
import yaml
from axolotl.utils.config import prepare_plugins, validate_config
from axolotl.utils.dict import DictDefault

# What `axolotl train` does first, but with the capabilities of a card that isn't here.
GPU = {"bf16": True, "fp8": True, "tf32": True, "n_gpu": 1, "n_node": 1, "compute_capability": "sm_90"}
TORCH = {"torch_version": torch.__version__.partition("+")[0]}

config = DictDefault(yaml.safe_load(Path(sys.argv[1]).read_text(encoding="utf-8")))
prepare_plugins(config)
seen = validate_config(config, capabilities=GPU, env_capabilities=TORCH)
print(json.dumps(seen.to_dict(), indent=2, sort_keys=True, default=str))
