"""What test_training_processes lets torchrun start twice; each process notes what it met."""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from torch import distributed

from anofpdm.common.errors import CheckpointError
from anofpdm.datasets import SliceDataset
from anofpdm.training import TrainingProgress, train
from tests.core.training_cases import make_config

PLAIN: dict[str, Any] = {"batch_size": 5, "log_every": 1, "samples": 1, "accuracy_slices": 2}


def without_dropout(**changes: Any) -> Any:
    """Return a run whose steps do not depend on how many processes share them."""
    network = make_config().network.model_copy(update={"dropout": 0.0})
    return make_config(network=network, **PLAIN, **changes)


def main(dataset: SliceDataset, out: Path) -> None:
    """Train whole, for a time, in two parts, over another run, and until a SIGTERM."""
    distributed.init_process_group("gloo")
    rank = distributed.get_rank()
    noted: dict[str, Any] = {}
    done: list[int] = []

    def note(report: TrainingProgress) -> None:
        done.append(report.step)

    train(without_dropout(), dataset, out / "whole")
    # The second's clock runs faster: by their own clocks they would stop apart, and wait for ever.
    ticks = itertools.count(step=1 + 4 * rank)
    timed = train(
        make_config(steps=1000), dataset, out / "timed", max_minutes=1, clock=lambda: next(ticks)
    )
    noted["timed"] = [timed.step, timed.finished]
    train(make_config(accumulation=2), dataset, out / "dropout")
    train(
        make_config(accumulation=2),
        dataset,
        out / "parts",
        progress=note,
        should_stop=lambda: rank == 1 and done[-1] == 3,
    )
    noted["stopped_after"] = done[-1]
    rest = train(make_config(accumulation=2), dataset, out / "parts", resume=True)
    noted["finished"] = [rest.step, str(rest.bundle)]
    try:
        train(make_config(), dataset, out / "parts")
    except CheckpointError as error:
        noted["refused"] = str(error)

    def terminate(report: TrainingProgress) -> None:
        if report.step == 2 and rank == 1:
            # torchrun passes it on to both, at moments that differ.
            os.kill(os.getppid(), signal.SIGTERM)

    last = train(make_config(steps=10**6), dataset, out / "terminated", progress=terminate)
    noted["terminated"] = [last.step, last.finished]
    (out / f"rank-{rank}.json").write_text(json.dumps(noted))
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(SliceDataset.open(sys.argv[1]), Path(sys.argv[2]))
