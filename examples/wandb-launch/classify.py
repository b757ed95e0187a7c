"""A program whose inputs have bounds and choices, written as a JSON Schema."""

import wandb
from wandb.sdk import launch

SCHEMA = {
    "type": "object",
    "properties": {
        "epochs": {"type": "integer", "minimum": 1, "maximum": 100, "description": "passes over the data"},
        "dropout": {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
        "dataset": {"type": "string", "enum": ["digits", "letters"]},
    },
}

launch.manage_wandb_config(schema=SCHEMA)
with wandb.init(project="classify", config={"epochs": 3, "dropout": 0.1, "dataset": "digits"}) as run:
    print(f"run config: {dict(run.config)}")
