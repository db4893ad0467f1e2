"""The classes of a run's slices, and whether a model can learn guidance from them.

Guidance is the difference between what the network predicts under the label healthy and under no
label (Eqs. 7 and 10 of the paper). Where all slices are healthy the two are alike by construction;
where none is, the label healthy is never learned.
"""

from __future__ import annotations

from anofpdm.common.errors import TrainingError
from anofpdm.datasets.store.attributes import Split
from anofpdm.datasets.store.slices import SliceDataset
from anofpdm.method.class_labels import HEALTHY, UNHEALTHY, UNKNOWN


def check_classes(dataset: SliceDataset, *, begins: bool = True) -> list[str]:
    """Check that a model can learn guidance from the slices of a dataset.

    Parameters
    ----------
    dataset : SliceDataset
        The slices of the run.
    begins : bool
        Whether the run begins with random weights. Weights that were trained before know both
        classes already, and slices of one class may adapt them to another scanner.

    Returns
    -------
    list of str
        One sentence for each doubt.

    Raises
    ------
    TrainingError
        When a run that begins has healthy slices alone, or none.
    """
    counts = _counts(dataset, "train")
    found, doubts = _in_words(counts), []
    if not counts[HEALTHY] or not (counts[UNHEALTHY] or counts[UNKNOWN]):
        lacking = "unhealthy" if counts[HEALTHY] else "healthy"
        if begins:
            raise TrainingError(
                f"The split train of {dataset.path} holds {found} alone, and a model learns "
                "guidance from the difference between healthy slices and others; add "
                f"{lacking} slices, or begin with trained weights (--start-from)."
            )
        doubts.append(
            f"The split train of {dataset.path} holds {found} alone: the weights may forget what "
            f"tells them from {lacking} slices."
        )
    elif not counts[UNHEALTHY]:
        doubts.append(
            f"The split train of {dataset.path} holds no slice that is labelled unhealthy "
            f"({found}): the model learns guidance only if many of the unlabelled ones are."
        )
    if "val" in dataset.splits:
        held_out = _counts(dataset, "val")
        if not (held_out[HEALTHY] and held_out[UNHEALTHY]):
            doubts.append(
                f"The split val of {dataset.path} holds {_in_words(held_out)} alone: accuracy "
                "cannot be measured in training, and select-guidance needs another split."
            )
    return doubts


def _counts(dataset: SliceDataset, split: Split) -> dict[int, int]:
    labels = dataset.select(split).labels
    return {label: int((labels == label).sum()) for label in (HEALTHY, UNHEALTHY, UNKNOWN)}


def _in_words(counts: dict[int, int]) -> str:
    names = {HEALTHY: "healthy", UNHEALTHY: "unhealthy", UNKNOWN: "unlabelled"}
    kinds = [f"{count} {names[label]}" for label, count in counts.items() if count]
    return f"{' and '.join(kinds)} slice{'' if sum(counts.values()) == 1 else 's'}"
