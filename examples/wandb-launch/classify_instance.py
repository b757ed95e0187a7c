"""The same bounds as a Pydantic instance, which is the run config as well."""

from typing import Literal

import wandb
from pydantic import BaseModel, Field
from wandb.sdk import launch


class Inputs(BaseModel):
    epochs: int = Field(3, ge=1, le=100, description="passes over the data")
    dropout: float = Field(0.1, ge=0, lt=1)
    dataset: Literal["digits", "letters"] = "digits"


INPUTS = Inputs()

if __name__ == "__main__":
    launch.manage_wandb_config(schema=INPUTS)
    with wandb.init(project="classify", config=INPUTS.model_dump()) as run:
        print(f"run config: {dict(run.config)}")
