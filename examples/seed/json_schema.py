"""Say more of a config file than its values can: bounds, choices, descriptions."""

import json

import yaml

from confjob import manage_config_file

SCHEMA = {
    "type": "object",
    "properties": {
        "learning_rate": {"type": "number", "exclusiveMinimum": 0, "description": "step size"},
        "batch_size": {"type": "integer", "minimum": 1, "description": "samples per step"},
        "model": {"type": "string", "description": "name of the architecture"},
        "dataset": {"enum": ["cifar10", "cifar100"], "description": "what to train on"},
    },
}

path = manage_config_file("config.yaml", schema=SCHEMA)


def main() -> None:
    print(json.dumps(yaml.safe_load(path.read_text(encoding="utf-8")), sort_keys=True))


if __name__ == "__main__":
    main()
