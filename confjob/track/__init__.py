"""Tracking: the truth about runs, and what they print.

Every answer is worked out anew from the run folder and the engine, and none is written
down, so that no crash, no other machine and no late file system can leave a wrong one.
"""

from __future__ import annotations

from confjob.track.fetching import bring
from confjob.track.log import follow, read_log
from confjob.track.truth import status, statuses, unread

__all__ = ["bring", "follow", "read_log", "status", "statuses", "unread"]
