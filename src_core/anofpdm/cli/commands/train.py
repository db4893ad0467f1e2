"""`anofpdm train`: train a model on a slice dataset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from anofpdm.cli.shared import options as opt
from anofpdm.cli.shared.as_job import has_begun
from anofpdm.cli.shared.console import Console, with_job_console
from anofpdm.cli.shared.exit_codes import STOPPED
from anofpdm.cli.shared.inputs import check_path
from anofpdm.cli.shared.seed_range import seed_range
from anofpdm.common.errors import Cancelled, DatasetError, SettingsError
from anofpdm.common.processes.worker_processes import in_process_group, is_first_process
from anofpdm.jobs.progress import JobProgress

if TYPE_CHECKING:
    from anofpdm.datasets.store.slices import SliceDataset
    from anofpdm.guidance.accuracy import GuidanceAccuracy
    from anofpdm.model.bundle import ModelBundle
    from anofpdm.training.monitor.progress import TrainingProgress
    from anofpdm.training.run.attempt import TrainingResult

ConfigArgument = Annotated[
    Path,
    typer.Argument(
        metavar="CONFIG.toml",
        help="Training configuration: network, steps, batch size, learning rate, augmentation and "
        "bundle metadata.",
        show_default=False,
    ),
]
DatasetOption = Annotated[
    Path,
    typer.Option("--dataset", metavar="DIR.zarr", help="Slice dataset; its split train is used."),
]
RunOption = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="RUN",
        help="Folder of the run: checkpoints, log (events.jsonl), sample predictions and the "
        "finished bundle.",
    ),
]
ResumeOption = Annotated[
    bool, typer.Option("--resume", help="Continue from the latest checkpoint in the run's folder.")
]
SkipDamagedOption = Annotated[
    bool,
    typer.Option(
        "--skip-damaged",
        help="With --resume: if the latest checkpoint is damaged, continue from the previous one.",
    ),
]
StartFromOption = Annotated[
    str | None,
    typer.Option(
        "--start-from",
        metavar="BUNDLE",
        help="Start from the weights of this bundle (a name or a path). Its network must match the "
        "configuration.",
        show_default="random weights",
    ),
]
StepsOption = Annotated[
    int | None,
    typer.Option(
        "--steps",
        min=1,
        metavar="N",
        help="Total number of training steps; overrides the configuration. With --resume, it moves "
        "the end of the run.",
        show_default="from the configuration",
    ),
]
PhantomsOption = Annotated[
    str | None,
    typer.Option(
        "--phantoms",
        metavar="FIRST:END",
        help="Draw the training slices afresh from synthetic subjects of these seeds, END "
        "excluded, made like those of the dataset, whose split train is then not read. Fast on a "
        "GPU. Overrides the table phantoms of the configuration.",
        show_default="train on the dataset",
    ),
]
MinutesOption = Annotated[
    float | None,
    typer.Option(
        "--max-minutes",
        min=0.01,
        metavar="MINUTES",
        help="Finish the run after this much training time, earlier sessions of a resumed run "
        "included.",
        show_default="no limit",
    ),
]

ProcessesOption = Annotated[
    int,
    typer.Option(
        "--processes",
        min=1,
        metavar="N",
        help="Number of processes on this machine that share each batch, one GPU each.",
    ),
]


@with_job_console
def train(
    context: typer.Context,
    config: ConfigArgument,
    dataset: DatasetOption,
    out: RunOption,
    resume: ResumeOption = False,
    skip_damaged: SkipDamagedOption = False,
    start_from: StartFromOption = None,
    steps: StepsOption = None,
    phantoms: PhantomsOption = None,
    max_minutes: MinutesOption = None,
    processes: ProcessesOption = 1,
    device: opt.DeviceOption = "auto",
    dry_run: opt.DryRunOption = False,
    *,
    console: Console,
    job: opt.JobOption = None,
) -> None:
    """Train a model on labelled slices; Ctrl-C saves a checkpoint from which --resume continues.

    Example: anofpdm train model.toml --dataset slices.zarr --out run

    For 8 GPUs use --processes 8; batch_size remains the total number of slices in a step. For
    several machines use torchrun: torchrun ... -m anofpdm.cli train model.toml ...
    """
    from anofpdm.model.bundle import load_bundle

    check_path(config, SettingsError)
    check_path(dataset, DatasetError)
    start = None if start_from is None else load_bundle(start_from)

    from anofpdm.common.device import resolve_device
    from anofpdm.datasets.store.slices import SliceDataset
    from anofpdm.training.config import TrainingConfig
    from anofpdm.training.run.checkpoints import list_checkpoints
    from anofpdm.training.run.classes import check_classes
    from anofpdm.training.run.loop import train as train_run
    from anofpdm.training.run.several import StoppedEarly, run_in_processes
    from anofpdm.training.run.training_cost import disk_shortage, training_cost
    from anofpdm.training.step.processes import check_processes

    given: dict[str, Any] = {} if steps is None else {"steps": steps}
    if phantoms is not None:
        seeds = seed_range(phantoms, "--phantoms")
        given["phantoms"] = {"first": seeds.start, "end": seeds.stop}
    run = TrainingConfig.from_toml(config, **given)
    slices = SliceDataset.open(dataset)
    resumed = resume or (has_begun(job) and bool(list_checkpoints(out)))
    where = resolve_device(device)
    check_processes(processes, where)
    if dry_run:
        cost = training_cost(
            run,
            slices,
            out,
            resume=resumed,
            started=start_from is not None,
            device=where,
            max_minutes=max_minutes,
            processes=processes,
        )
        return console.finish_dry_run(cost)
    doubts = []
    if run.phantoms is None:
        doubts = check_classes(slices, begins=start_from is None and not resumed)
    if processes > 1 and not in_process_group():
        try:
            return run_in_processes(context.obj, processes)
        except StoppedEarly as stopped:
            console.note(str(stopped))
            raise typer.Exit(STOPPED) from None
        except Cancelled:  # the first of its processes says at which step
            raise typer.Exit(STOPPED) from None
    if is_first_process():
        for problem in (*doubts, *disk_shortage(run, out)):
            console.warn(problem)
    if start is not None:
        _warn_of_other_pictures(console, start, slices)
    with console.progress() as show:
        result = train_run(
            run,
            slices,
            out,
            resume=resumed,
            skip_damaged=skip_damaged,
            start_from=start,
            device=where,
            max_minutes=max_minutes,
            progress=_shown(show),
        )
    if not result.finished:
        console.note(f"Stopped at step {result.step} of {run.steps}; continue with --resume.")
        raise typer.Exit(STOPPED)
    payload = {name: str(v) if isinstance(v, Path) else v for name, v in asdict(result).items()}
    console.finish(
        {"out": str(out), **payload},
        f"{_length_words(result, run.steps)}, loss {result.loss:.4f}{_accuracy_words(result)}. The "
        f"bundle {result.bundle} is not calibrated; run anofpdm select-guidance on it.",
    )


def _warn_of_other_pictures(console: Console, start: ModelBundle, slices: SliceDataset) -> None:
    """Warn if the weights were trained on slices that were made differently."""
    from anofpdm.scans.preprocessing_config import picture_differences

    known = start.metadata.modalities
    if known != slices.modalities:
        console.warn(
            f"{slices.path} contains {', '.join(slices.modalities)}, but {start.name} was trained "
            f"on {', '.join(known)}: the weights must adapt to the other contrast."
        )
    differences = picture_differences(slices.preprocessing, start.metadata.preprocessing)
    for name, (found, wanted) in differences.items():
        console.warn(
            f"{slices.path} was made with {name} = {found}, but {start.name} was trained with "
            f"{wanted}: the weights must adapt to the difference. To avoid this, make the dataset "
            f"with {name} = {wanted}."
        )


def _shown(show: Callable[[JobProgress], None]) -> Callable[[TrainingProgress], None]:
    """Show each report with the latest accuracy."""
    last: GuidanceAccuracy | None = None

    def report(progress: TrainingProgress) -> None:
        nonlocal last
        last = progress.accuracy or last
        accuracy = "" if last is None else f"accuracy {last.best:.2f}, "
        words = f"loss {progress.loss:.4f}, {accuracy}{progress.images_per_second:.1f} images/s"
        show(JobProgress.of(progress, words, _values(progress)))

    return report


def _values(progress: TrainingProgress) -> dict[str, float]:
    from anofpdm.training.monitor.progress import held_out_mean

    values = {"loss": progress.loss}
    if progress.validation is not None:
        values["held_out"] = held_out_mean(progress.validation)
    if progress.accuracy is not None:
        values["accuracy"] = progress.accuracy.best
        values["baseline"] = progress.accuracy.baseline
    return values


def _length_words(result: TrainingResult, steps: int) -> str:
    """Say how many steps were done, and what ended the run before its last one."""
    if not result.new_steps:
        end = f"{steps} steps" if result.step >= steps else "its time limit"
        return f"Nothing was left to train: the run has done {result.step} steps and reached {end}"
    early = f" of {steps}, ended by --max-minutes" if result.step < steps else ""
    return f"Trained {result.step} steps{early}"


def _accuracy_words(result: TrainingResult) -> str:
    if result.accuracy is None:
        return ""
    return (
        f", accuracy {result.accuracy.best:.2f} on {result.accuracy.slices} held-out slices (one "
        f"class for all: {result.accuracy.baseline:.2f})"
    )
