"""Open a part of the run config: all of `trainer` but what is below `trainer.private`."""

import json

from confjob import load_config, manage_config

manage_config(
    defaults={
        "trainer": {
            "learning_rate": 0.01,
            "batch_size": 32,
            "model": "resnet",
            "dataset": "cifar10",
            "private": {"key": "value"},
        },
        "seed": 42,
    },
    include=["trainer"],
    exclude=["trainer.private"],
)


def main() -> None:
    # The whole run config: what may not be changed is there with its default.
    print(json.dumps(load_config(), sort_keys=True))


if __name__ == "__main__":
    main()
