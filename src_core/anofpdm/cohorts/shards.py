"""Parts of a cohort: each scan belongs to one by its name alone, whatever other scans there are."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from anofpdm.common.errors import SettingsError


class Part(Protocol):
    """Some of the scans of a cohort, with tables of their own."""

    @property
    def folder(self) -> str:
        """Name of the part's folder."""

    @property
    def division(self) -> str:
        """End of the names of the parts that may be at work together with this one."""

    def holds(self, name: str) -> bool:
        """Whether a scan belongs to this part."""


@dataclass(frozen=True)
class Participants:
    """The scans of some subjects and sessions of a BIDS folder.

    Attributes
    ----------
    subjects, sessions : tuple of str
        Labels, without "sub-" and "ses-"; none stands for all.
    """

    subjects: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()

    def holds(self, name: str) -> bool:
        """Whether a scan belongs to this part."""
        subject, _, session = name.partition("_")
        return (not self.subjects or subject.removeprefix("sub-") in self.subjects) and (
            not self.sessions or session.removeprefix("ses-") in self.sessions
        )

    @property
    def folder(self) -> str:
        """Name of the part's folder."""
        labels = hashlib.sha256(str(self).encode()).hexdigest()[:16]
        return f"{labels}-{self.division}"

    @property
    def division(self) -> str:
        """End of the names of the parts that may be at work together with this one."""
        return "participants"

    def __str__(self) -> str:
        return f"sub {' '.join(self.subjects)} ses {' '.join(self.sessions)}"


@dataclass(frozen=True)
class Shard:
    """One part of a cohort for one task of an array.

    Attributes
    ----------
    index : int
        From 1.
    count : int
        Number of parts.
    """

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read ``i/n``.

        Raises
        ------
        SettingsError
            When it is none.
        """
        match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text.strip())
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise SettingsError(
                f"--shard {text} is not a part of a cohort; write i/n with i from 1 to n, such as "
                "3/8."
            )
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> Shard | None:
        """Return the part of a task of a SLURM array; None outside of one."""
        try:
            index = int(environment["SLURM_ARRAY_TASK_ID"])
            count = int(environment["SLURM_ARRAY_TASK_COUNT"])
            first = int(environment.get("SLURM_ARRAY_TASK_MIN", "1"))
            step = int(environment.get("SLURM_ARRAY_TASK_STEP", "1"))
        except (KeyError, ValueError):
            return None
        return cls.parse(f"{(index - first) // max(step, 1) + 1}/{count}")

    def holds(self, name: str) -> bool:
        """Whether a scan belongs to this part, whatever other scans there are."""
        number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
        return number % self.count == self.index - 1

    @property
    def folder(self) -> str:
        """Name of the part's folder."""
        return f"{self.index}-{self.division}"

    @property
    def division(self) -> str:
        """End of the names of the parts that may be at work together with this one."""
        return f"of-{self.count}"

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"
