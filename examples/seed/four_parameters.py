"""Four parameters: their types come from the signature, their values from its defaults."""

import json

from confjob import job


@job(description="Four parameters of a function")
def train(
    learning_rate: float = 0.01,
    batch_size: int = 32,
    model: str = "resnet",
    dataset: str = "cifar10",
) -> None:
    given = {"learning_rate": learning_rate, "batch_size": batch_size, "model": model, "dataset": dataset}
    print(json.dumps(given, sort_keys=True))


if __name__ == "__main__":
    train()
