"""The launch form without a server: what is shown of a job's inputs, and what comes back.

A module for each step: `kinds` finds the control that suits a type, `spelling` the text in it,
`building` makes the sections of a page, `posted` reads what a browser sends, `asking` turns it
into requests for what was changed and nothing else, `faults` puts problems beside fields,
`command` writes the same launch as a command line, `pasting` takes a whole config.
"""
