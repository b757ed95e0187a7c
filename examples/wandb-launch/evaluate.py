"""Counts what a threshold catches; the settings are in a config file."""

from pathlib import Path

import wandb
import yaml
from wandb.sdk import launch

SETTINGS = "config.yaml"


def main():
    launch.manage_config_file(SETTINGS, exclude=["report"])
    settings = yaml.safe_load(Path(SETTINGS).read_text())
    with wandb.init(project="thresholds", job_type="evaluation", config=settings) as run:
        threshold = settings["model"]["threshold"]
        caught = [score for score in settings["scores"] if score >= threshold]
        run.log({"caught": len(caught)})
        print(f"settings: {settings}")
        print(f"{len(caught)} of {len(settings['scores'])} at {threshold}")


if __name__ == "__main__":
    main()
