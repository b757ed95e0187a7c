r"""Tell the key `trainer.lr` from the key `lr` below `trainer`: a backslash before the dot."""

import json

from confjob import load_config, manage_config

manage_config(
    defaults={"trainer.lr": 0.01, "trainer": {"lr": 0.02, "epochs": 3}},
    include=[r"trainer\.lr", "trainer.epochs"],
)


def main() -> None:
    print(json.dumps(load_config(), sort_keys=True))


if __name__ == "__main__":
    main()
