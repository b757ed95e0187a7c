"""The calls by which a W&B job declares its inputs, as of wandb 0.31.0.

confjob reads them from the script's text, by the dotted name that an import gives, so
every public spelling is listed; the wandb package itself is never imported here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from confjob.plugin import Calls
from confjob_wandb.delivery import deliver
from confjob_wandb.schemas import json_schema

__all__ = ["CALLS"]

_HOMES: Final = (
    "wandb.sdk.launch.",
    "wandb.sdk.launch.inputs.manage.",
    "wandb.wandb_sdk.launch.",  # `wandb.wandb_sdk` is another name of `wandb.sdk`
    "confjob_wandb.launch.",
)
_INIT: Final = ("wandb.init", "wandb.sdk.init", "wandb.sdk.wandb_init.init", "wandb.wandb_sdk.init")

#: Parameters of `wandb.init` in their order; hardly anyone passes `config` by position.
_INIT_PARAMETERS: Final = ("entity", "project", "dir", "id", "name", "notes", "tags", "config")

CALLS: Final = Calls(
    name="wandb",
    deliver=deliver,
    run_config={f"{home}manage_wandb_config": ("include", "exclude", "schema") for home in _HOMES},
    file={f"{home}manage_config_file": ("path", "include", "exclude", "schema") for home in _HOMES},
    values=dict.fromkeys(_INIT, _INIT_PARAMETERS),
    schema=json_schema,
    watch=Path(__file__).with_name("watch.py"),
)
