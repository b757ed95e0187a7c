"""Train the digit classifier as config.yaml says. Nothing here knows of confjob."""

from __future__ import annotations

from pathlib import Path

import yaml
from digits import save, train_network


def main() -> None:
    config = yaml.safe_load(Path("config.yaml").read_text(encoding="utf-8"))
    print(f"learning_rate {config['learning_rate']}, batch_size {config['batch_size']}")
    weights, metrics = train_network(
        learning_rate=config["learning_rate"],
        epochs=config["epochs"],
        batch_size=config["batch_size"],
        hidden=config["model"]["hidden"],
        weight_decay=config["model"]["weight_decay"],
        test_fraction=config["data"]["test_fraction"],
        seed=config["seed"],
    )
    save(weights, metrics, config["output"]["metrics"], config["output"]["model"])


if __name__ == "__main__":
    main()
