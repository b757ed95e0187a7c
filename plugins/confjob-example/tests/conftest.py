"""The fixtures come with confjob: `project` is a folder in which confjob runs as a user runs it."""

pytest_plugins = ["confjob.testing.plugin"]
