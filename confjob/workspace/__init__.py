"""What a run is made of on disk: the snapshot, the workspace, and the world around the command.

The verbs decide; this package only turns a project folder into something that a script on any
machine can unpack and run without touching the checkout. Import the modules themselves: they
are kept apart so that a command loads only what it uses.
"""
