"""Open a config file, and read it as ever."""

import json

import yaml

from confjob import manage_config_file

path = manage_config_file("config.yaml")


def main() -> None:
    print(json.dumps(yaml.safe_load(path.read_text(encoding="utf-8")), sort_keys=True))


if __name__ == "__main__":
    main()
