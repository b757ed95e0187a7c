"""A Hydra app with config groups and typed configs; it prints the config it was given."""

from dataclasses import dataclass, field
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, OmegaConf


@dataclass
class Database:
    driver: str = MISSING
    host: str = "localhost"
    port: int = MISSING
    user: str = MISSING


@dataclass
class MySQL(Database):
    driver: str = "mysql"
    port: int = 3306
    password_file: str | None = None


@dataclass
class PostgreSQL(Database):
    driver: str = "postgresql"
    port: int = 5432
    timeout: int = 10


@dataclass
class Config:
    db: Database = MISSING
    optimizer: Any = None
    name: str = MISSING
    steps: int = 10
    dropout: float = 0.0
    notes: str | None = None
    layers: list[int] = field(default_factory=list)
    output: str = "results"


store = ConfigStore.instance()
store.store(name="base_config", node=Config)
store.store(group="db", name="base_mysql", node=MySQL)
store.store(group="db", name="base_postgresql", node=PostgreSQL)


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config):
    print(OmegaConf.to_yaml(config, resolve=True), end="")


if __name__ == "__main__":
    main()
