"""The same training as a decorated function: its parameters are the inputs."""

from __future__ import annotations

from digits import save, train_network

from confjob import job


@job(description="Digit classifier, as a decorated function")
def train(
    learning_rate: float = 0.1,
    epochs: int = 30,
    batch_size: int = 32,
    hidden: int = 64,
    weight_decay: float = 1e-4,
    seed: int = 42,
) -> None:
    print(f"learning_rate {learning_rate}, batch_size {batch_size}")
    weights, metrics = train_network(
        learning_rate, epochs, batch_size, hidden, weight_decay=weight_decay, seed=seed
    )
    save(weights, metrics, "metrics.json", "model.npz")


if __name__ == "__main__":
    train()
