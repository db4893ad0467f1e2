"""What is sent to a worker: work and scan as bytes.

A scheduler unpickles what it passes on, and would import the whole program for it; bytes it leaves
alone. So this module imports nothing of the program.
"""

from __future__ import annotations

import pickle
from typing import Any


def packed(work: object, scan: object) -> bytes:
    """Return work and scan as bytes."""
    return pickle.dumps((work, scan))


def apply(content: bytes) -> Any:
    """Do the work on the scan, and return the outcome."""
    work, scan = pickle.loads(content)
    return work(scan)
