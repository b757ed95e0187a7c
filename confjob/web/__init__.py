"""The web interface: thin pages over the same functions that the command line stands on.

Everything is rendered here and sent whole; the browser adds convenience, never truth. Needs the
extra `confjob[ui]`; nothing outside this package and `confjob.cli.ui` imports what it brings.
"""
