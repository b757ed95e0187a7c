"""How the documentation is built: `sphinx-build -n -W docs docs/_build`, without a network."""

from confjob import __version__

project = "confjob"
author = "the confjob developers"
version = release = __version__

extensions = ["myst_parser"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"confjob {__version__}"
html_copy_source = False
