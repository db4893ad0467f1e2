"""Memory that this process may still take, checked before something large is allocated."""

from __future__ import annotations

import sys
from pathlib import Path

from anofpdm.common.quantities import size_in_words

_GROUP = Path("/sys/fs/cgroup")


def available_bytes() -> int:
    """Return the memory that this process may still take.

    The least of what the machine has left, what the limit of the process's address space
    (``ulimit -v``) leaves, and what its control group (a container, a batch job) leaves.
    """
    import psutil

    left = [int(psutil.virtual_memory().available)]
    if (limit := _address_space_left()) is not None:
        left.append(limit)
    if (group := _group_left()) is not None:
        left.append(group)
    return max(0, min(left))


def memory_fault(needed: int) -> str | None:
    """Say how much memory is needed and how much there is; None where it suffices.

    Parameters
    ----------
    needed : int
        Bytes.

    Returns
    -------
    str or None
        A clause to follow a subject: "needs about 12.0 GiB of memory, but only 3.1 GiB are free".
    """
    free = available_bytes()
    if needed <= free:
        return None
    return f"needs about {size_in_words(needed)} of memory, but only {size_in_words(free)} are free"


def _address_space_left() -> int | None:
    if sys.platform == "win32":
        return None
    import resource

    import psutil

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return None
    return limit - int(psutil.Process().memory_info().vms)


def _group_left() -> int | None:
    """Return what the control group of this process, and those above it, leave."""
    try:
        named = Path("/proc/self/cgroup").read_text().partition("0::/")[2].splitlines()
    except OSError:
        return None
    folder = _GROUP / (named[0] if named else "")
    left = [_left_in(each) for each in (folder, *folder.parents) if each.is_relative_to(_GROUP)]
    return min((bytes_left for bytes_left in left if bytes_left is not None), default=None)


def _left_in(folder: Path) -> int | None:
    try:
        limit = int((folder / "memory.max").read_text())
        used = int((folder / "memory.current").read_text())
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        # Pages of files count as used, but give way.
        return limit - used + int(stat.get("inactive_file", 0))
    except (OSError, ValueError):
        return None  # no such group, or "max"
