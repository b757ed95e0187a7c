"""A recipe that prints the config that torchtune hands it, and builds its optimizer."""

import sys

import torch
from omegaconf import DictConfig, OmegaConf
from torchtune import config


@config.parse
def main(cfg: DictConfig) -> None:
    print(OmegaConf.to_yaml(cfg, resolve=True))
    weights = torch.nn.Linear(cfg.model_dim, 1)
    optimizer = config.instantiate(cfg.optimizer, weights.parameters())
    print(f"{type(optimizer).__name__} with lr {optimizer.defaults['lr']}")


if __name__ == "__main__":
    sys.exit(main())
