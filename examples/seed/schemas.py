"""The run config as Pydantic models, for pydantic_class.py and pydantic_instance.py."""

from enum import Enum

from pydantic import BaseModel, Field


class Dataset(str, Enum):
    CIFAR10 = "cifar10"
    CIFAR100 = "cifar100"


class Trainer(BaseModel):
    learning_rate: float = Field(gt=0, description="step size")
    batch_size: int = Field(ge=1, description="samples per step")
    model: str
    dataset: Dataset


class Schema(BaseModel):
    trainer: Trainer
    seed: int = 42
