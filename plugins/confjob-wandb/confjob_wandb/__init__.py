"""W&B Launch jobs under confjob: nothing of wandb is imported here.

Empty, so that a job's own `from confjob_wandb import launch` loads `launch` alone; what
confjob asks is in `hooks`.
"""
