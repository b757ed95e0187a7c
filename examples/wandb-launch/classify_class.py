"""The same bounds and choices as a Pydantic class."""

from enum import Enum

import wandb
from pydantic import BaseModel, Field
from wandb.sdk import launch


class Dataset(str, Enum):
    digits = "digits"
    letters = "letters"


class Inputs(BaseModel):
    epochs: int = Field(ge=1, le=100, description="passes over the data")
    dropout: float = Field(ge=0, lt=1)
    dataset: Dataset


if __name__ == "__main__":
    launch.manage_wandb_config(schema=Inputs)
    with wandb.init(project="classify", config={"epochs": 3, "dropout": 0.1, "dataset": "digits"}) as run:
        print(f"run config: {dict(run.config)}")
