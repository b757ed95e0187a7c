"""A Pydantic class is a schema: it says what is valid, the defaults say the values."""

import json

from schemas import Schema

from confjob import load_config, manage_config

manage_config(
    defaults={
        "trainer": {"learning_rate": 0.01, "batch_size": 32, "model": "resnet", "dataset": "cifar10"},
        "seed": 42,
    },
    include=["trainer"],
    schema=Schema,
)


def main() -> None:
    config = Schema.model_validate(load_config())
    print(json.dumps(config.model_dump(mode="json"), sort_keys=True))


if __name__ == "__main__":
    main()
