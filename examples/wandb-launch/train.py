"""Fits a line by gradient descent; what may be changed is a part of the run config."""

import random

import wandb
from wandb.sdk import launch

launch.manage_wandb_config(
    include=["optimizer", "seed", r"data\.size"],
    exclude=["optimizer.betas"],
)


def points(size, seed):
    """Points near y = 3x + 1."""
    draw = random.Random(seed)
    xs = [draw.uniform(-1, 1) for _ in range(size)]
    return [(x, 3 * x + 1 + draw.gauss(0, 0.1)) for x in xs]


def main():
    run = wandb.init(
        project="lines",
        name="baseline",
        config={
            "optimizer": {"name": "sgd", "learning_rate": 0.1, "steps": 50, "betas": [0.9, 0.999]},
            "data.size": 200,
            "seed": 7,
            "results": "results",
        },
    )
    config = run.config
    data = points(config["data.size"], config.seed)
    slope = offset = 0.0
    for step in range(config.optimizer["steps"]):
        errors = [(slope * x + offset - y, x) for x, y in data]
        slope -= config.optimizer["learning_rate"] * sum(e * x for e, x in errors) / len(data)
        offset -= config.optimizer["learning_rate"] * sum(e for e, _ in errors) / len(data)
        run.log({"loss": sum(e * e for e, _ in errors) / len(data)}, step=step)
    print(f"run config: {dict(config)}")
    print(f"y = {slope:.2f} x + {offset:.2f}")
    run.finish()


if __name__ == "__main__":
    main()
