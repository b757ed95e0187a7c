"""The queue of one user on one machine: what waits, what runs, and the agent that starts it.

The run folders are the truth. A run waits because its folder has a ticket (`tickets`), which any
process can read; the index (`index`) is a cache that lets the agent look at one file instead of
thousands; `schedule` decides without touching anything; `slots` are the locks of GPUs, which all
users of the machine share; `agent` is the loop that does it.
"""
