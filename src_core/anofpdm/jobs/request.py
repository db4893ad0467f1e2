"""The request of a job: its command and working folder."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from anofpdm.common.atomic import atomic_path, cannot_write
from anofpdm.common.errors import JobError
from anofpdm.common.reading import reading
from anofpdm.common.validation import validated
from anofpdm.jobs.own_files import own_bytes
from anofpdm.jobs.places import REQUEST, note_place
from anofpdm.jobs.process import own_mark, write_mark
from anofpdm.jobs.state import JobState, write_state

COMMANDS: Final = ("prepare", "train", "select-guidance", "segment-cohort")

Lane = Literal["cpu", "gpu"]

_MOST_BYTES = 1 << 20


class JobRequest(BaseModel):
    """A command line, as given.

    Attributes
    ----------
    arguments : tuple of str
        The command's name and all that follows it, without `--job`.
    cwd : Path
        Where it was given: relative paths in it start there.
    created : str
        When, in ISO 8601.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    arguments: tuple[str, ...]
    cwd: Path = Field(default_factory=lambda: _current_folder())
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @model_validator(mode="after")
    def _known(self) -> Self:
        if not self.arguments or self.arguments[0] not in COMMANDS:
            raise ValueError(f"the command of a job must be one of {', '.join(COMMANDS)}")
        if not self.cwd.is_absolute() or "\0" in str(self.cwd):
            raise ValueError("the working folder of a job must be an absolute path")
        if "--dry-run" in self.arguments:
            raise ValueError("--dry-run cannot run as a job; run the command directly")
        return self

    @property
    def command(self) -> str:
        """Name of the command."""
        return self.arguments[0]

    @property
    def lane(self) -> Lane:
        """The queue of the job: scans can be prepared while a network uses the GPU."""
        on_cpu = self.command == "prepare" or self.option("--device") == "cpu"
        return "cpu" if on_cpu else "gpu"

    def option(self, name: str) -> str | None:
        """Value of an option, as given; None if it was not given."""
        for here, following in zip(self.arguments, (*self.arguments[1:], None), strict=True):
            if here == name:
                return following
            if here.startswith(f"{name}="):
                return here.partition("=")[2]
        return None

    def is_same_work(self, other: JobRequest) -> bool:
        """Whether another command does the same work, so that it may resume this one."""
        mine, others = (
            [argument for argument in request.arguments if argument != "--resume"]
            for request in (self, other)
        )
        return mine == others

    @classmethod
    def of(cls, arguments: list[str] | tuple[str, ...]) -> Self:
        """Make the request of a command line given here and now.

        Raises
        ------
        JobError
            When it is none of the commands that can be jobs.
        """
        kept: list[str] = []
        rest = iter(arguments)
        for argument in rest:
            if argument == "--job":
                next(rest, None)
            elif not argument.startswith("--job="):
                kept.append(argument)
        return validated(cls, raises=JobError, arguments=tuple(kept))


def create_job(folder: Path, request: JobRequest) -> None:
    """Make a job's folder.

    Raises
    ------
    JobError
        When the folder already exists, or its name is hidden.
    OutputError
        When it cannot be written.
    """
    if folder.name.startswith("."):
        raise JobError(
            f"{folder.name} begins with a dot, and hidden jobs are not listed; choose another name "
            "for the job."
        )
    if os.path.lexists(folder):
        raise JobError(f"{folder} already exists; choose another name for the job.")
    text = json.dumps(request.model_dump(mode="json"), indent=2)
    # All at once: a full disk leaves no half of a job.
    with atomic_path(folder) as pending:
        with cannot_write(folder):
            pending.mkdir()
            (pending / REQUEST).write_text(text + "\n", encoding="utf-8")
        write_mark(pending, own_mark())
        write_state(pending, JobState("queued"))
    note_place(folder)


def read_request(folder: Path) -> JobRequest:
    """Read the request of a job.

    Raises
    ------
    JobError
        When the folder holds no job, or its record is damaged.
    """
    path = folder / REQUEST
    if not os.path.lexists(path):
        raise JobError(f"{folder} contains no job; create one with anofpdm job start.")
    remedy = "remove the job and start it again"
    with reading(path, JobError, remedy):
        values = json.loads(own_bytes(path, remedy, limit=_MOST_BYTES))
        if not isinstance(values, dict):
            raise JobError(f"{path} is damaged; {remedy}.")
        return validated(JobRequest, values, raises=JobError, where=str(path))


def _current_folder() -> Path:
    try:
        return Path.cwd()
    except OSError as error:
        raise JobError(
            "The current folder no longer exists, and a job runs in it; go to another folder."
        ) from error
