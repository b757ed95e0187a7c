"""A Pydantic instance is a schema and the defaults at once."""

import json

from schemas import Dataset, Schema, Trainer

from confjob import load_config, manage_config

DEFAULTS = Schema(
    trainer=Trainer(learning_rate=0.01, batch_size=32, model="resnet", dataset=Dataset.CIFAR10), seed=42
)

manage_config(include=["trainer"], schema=DEFAULTS)


def main() -> None:
    config = Schema.model_validate(load_config())
    print(json.dumps(config.model_dump(mode="json"), sort_keys=True))


if __name__ == "__main__":
    main()
