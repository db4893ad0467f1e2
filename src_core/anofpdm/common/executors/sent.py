"""What is sent to a worker: work and task as bytes.

A scheduler unpickles what it passes on, and would import the whole program for it; bytes it leaves
alone. So this module imports nothing of the program.
"""

from __future__ import annotations

import pickle
from typing import Any


def packed(work: object, task: object) -> bytes:
    """Return work and task as bytes."""
    return pickle.dumps((work, task))


def apply(content: bytes) -> Any:
    """Do the work on the task, and return the outcome."""
    work, task = pickle.loads(content)
    return work(task)
