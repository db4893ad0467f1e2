"""The script that runs a cohort as a SLURM array."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

_NOT_FOR_TASKS = ("--print-sbatch", "--shard", "--workers", "--scheduler")


def sbatch_script(arguments: Sequence[str], tasks: int, cpus: int, *, gpu: bool, out: str) -> str:
    """Return the script.

    Parameters
    ----------
    arguments : sequence of str
        The command line, from `segment-cohort` on.
    tasks : int
        Tasks of the array.
    cpus : int
        Cores of each.
    gpu : bool
        Whether each gets a GPU.
    out : str
        The output folder, for the command that merges.
    """
    kept: list[str] = []
    words = iter(arguments)
    for word in words:
        if word in _NOT_FOR_TASKS:
            next(words, None)  # its value
        elif word.partition("=")[0] not in _NOT_FOR_TASKS:
            kept.append(word)
    command = shlex.join(["anofpdm", *kept])
    gres = "#SBATCH --gres=gpu:1\n" if gpu else ""
    return f"""#!/bin/bash
#SBATCH --job-name=anofpdm
#SBATCH --array=1-{tasks}
#SBATCH --cpus-per-task={cpus}
#SBATCH --mem={max(4, 2 * cpus)}G
{gres}#SBATCH --time=24:00:00
#SBATCH --signal=B:TERM@120
# Each task takes its part of the scans, by SLURM_ARRAY_TASK_ID. Submit again to continue.
# When all tasks have ended: {shlex.join(["anofpdm", "cohort", "merge", out])}
exec {command} --workers {1 if gpu else cpus}
"""
