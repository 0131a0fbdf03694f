"""The limit of open files, which every connection counts against."""

import logging
import resource

log = logging.getLogger("dealboard.edge")

RESERVED = 64
"""Open files beside the connections of clients and of the pool: logs, the listener, wake-ups, exports."""


def raise_open_files() -> int:
    """Raise the limit of open files of this process as far as the system allows; returns it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError) as failure:  # macOS has a lower limit of its own
            log.warning("the limit of open files stays at %d: %s", soft, failure)
        else:
            soft = hard
    return soft


def connections_within(files: int, wanted: int, pool_size: int) -> int:
    """The most connections of clients that a limit of open files allows, and logs when these are fewer than wanted."""
    if files < 0:  # RLIM_INFINITY
        return wanted
    allowed = max(files - RESERVED - pool_size, 1)
    if allowed < wanted:
        log.warning(
            "the limit of %d open files allows %d connections, fewer than DEALBOARD_MAX_CONNECTIONS (%d): raise it"
            " with `ulimit -n` or LimitNOFILE, or lower the setting",
            *(files, allowed, wanted),
        )
    return min(allowed, wanted)
