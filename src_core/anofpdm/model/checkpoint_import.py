"""Make a model bundle of weights that were trained with the method's public code."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from anofpdm.common.errors import CheckpointError
from anofpdm.common.pointer_files import missing_content
from anofpdm.common.reading import one_line, reading
from anofpdm.common.validation import validated
from anofpdm.model.checkpoint_architecture import Shapes, read_architecture
from anofpdm.model.checkpoint_wrapping import unwrapped
from anofpdm.model.torch_file import load_torch_file, plain_tensors
from anofpdm.model.unet import UNet
from anofpdm.model.unet_config import UNetConfig

if TYPE_CHECKING:
    from anofpdm.model.bundle import ModelBundle
    from anofpdm.scans.geometry import Direction

NAMED_FAULTS = 10


def import_checkpoint(
    path: str | os.PathLike[str],
    *,
    modalities: Sequence[str],
    scored: Sequence[str],
    heads: int = 4,
    image_size: int | None = None,
    rows: Direction = "L",
    columns: Direction = "P",
    brain_extracted: bool = True,
    name: str | None = None,
) -> ModelBundle:
    """Import a state dict of the reference network as an uncalibrated bundle.

    Parameters
    ----------
    path : path-like
        A state dict (such as ``ema_0.9999_210000.pt``), or a checkpoint that holds one, with or
        without prefixes such as "module."; no code in it is ever run.
    modalities : sequence of str
        The network's channels in order, such as flair, t1, t1ce, t2.
    scored : sequence of str
        Those whose anomaly maps are read, in the same order.
    heads : int
        Attention heads: 4 in the public code, 2 in the paper. Shapes do not determine them.
    image_size : int or None
        Rows and columns of the training images; None where the shapes imply it.
    rows, columns : {"R", "L", "A", "P"}
        Toward which the training slices' row and column index grew (BraTS: L and P).
    brain_extracted : bool
        Whether it was trained on brains without skull.
    name : str or None
        Name of the bundle; None: made of the file's name.

    Returns
    -------
    ModelBundle
        Uncalibrated, float32, with the reference's preprocessing: the whole slice stretched, each
        slice scaled by its own minimum and maximum.

    Raises
    ------
    CheckpointError
        When the file cannot be read, is no state dict, or does not fit the reference network, its
        modalities or its size.
    """
    from anofpdm.method.schedule import NoiseSchedule
    from anofpdm.model.bundle import ModelBundle
    from anofpdm.model.bundle_metadata import BundleMetadata
    from anofpdm.scans.preprocessing_config import PreprocessingConfig

    path = Path(path)
    weights, taken = read_state_dict(path)
    network = network_of(weights, source=str(path), heads=heads, image_size=image_size)
    if network.in_channels != len(modalities):
        raise CheckpointError(
            f"{path} has {network.in_channels} input channels, but {len(modalities)} modalities "
            f"were given ({', '.join(modalities)}); give one for each channel, in order."
        )
    preprocessing = validated(
        PreprocessingConfig,
        raises=CheckpointError,
        where=str(path),
        size=network.image_size,
        field_of_view="stretch",
        intensity="slice_minmax",
        rows=rows,
        columns=columns,
        brain_extracted=brain_extracted,
    )
    metadata = validated(
        BundleMetadata,
        raises=CheckpointError,
        where=str(path),
        name=name or _bundle_name(path),
        version="1",
        description=f"Imported from the reference network's checkpoint {path.name}.",
        references=("arXiv:2404.15683",),
        network=network,
        schedule=NoiseSchedule(),
        modalities=tuple(modalities),
        scored=tuple(scored),
        preprocessing=preprocessing,
        training={"imported_from": path.name, **({"unwrapped": taken} if taken else {})},
    )
    return ModelBundle.create(metadata, weights)


def read_state_dict(path: Path) -> tuple[dict[str, Tensor], str]:
    """Read names and tensors, running no code that the file may hold.

    Returns
    -------
    weights : dict of str to Tensor
    taken : str
        What they were taken out of, in words; "" where the file holds them alone.

    Raises
    ------
    CheckpointError
        When the file is missing, damaged, no checkpoint, holds code, or anything but names and
        finite floating-point tensors where the network's weights are.
    """
    if (fault := missing_content(path)) is not None:
        raise CheckpointError(fault)
    if not path.is_file():
        raise CheckpointError(f"{path} is not a file; check the checkpoint's path.")
    content = load_torch_file(path, legacy=True)
    if not isinstance(content, Mapping):
        raise CheckpointError(
            f"{path} contains a {type(content).__name__}, not a state dict; save only the "
            "network's state_dict()."
        )
    with reading(path, CheckpointError, "save only the network's state_dict()"):
        found = unwrapped(content, str(path))
        _check_entries(found.entries, path)
    return dict(found.entries), found.taken


def _check_entries(entries: Mapping[Any, Any], path: Path) -> None:
    for key, value in entries.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise CheckpointError(
                f"{path} contains a {type(value).__name__} under {key!r}, so it is not a plain "
                "state dict; save only the network's state_dict()."
            )
    if not plain_tensors(entries.values(), path.stat().st_size):
        raise CheckpointError(
            f"{path} contains tensors that are sparse, quantized or larger than the file; save "
            "only the network's state_dict()."
        )
    for key, value in entries.items():
        if not value.is_floating_point() or not torch.isfinite(value).all():
            raise CheckpointError(
                f"{path} has values in {one_line(key)} that are not finite floating-point "
                "numbers; use another checkpoint."
            )


def network_of(
    weights: Mapping[str, Tensor], *, source: str, heads: int, image_size: int | None
) -> UNetConfig:
    """Return the architecture of `weights`, every tensor of which fits it.

    Raises
    ------
    CheckpointError
        When the layout is not the reference network's, naming what is missing, unexpected or of
        another shape.
    """
    shapes = {name: tuple(weight.shape) for name, weight in weights.items()}
    config = read_architecture(shapes, source=source, heads=heads, image_size=image_size)
    with torch.device("meta"):
        expected = {k: tuple(v.shape) for k, v in UNet(config).state_dict().items()}
    faults = _faults(shapes, expected)
    if faults:
        shown = "; ".join(faults[:NAMED_FAULTS])
        more = f"; and {len(faults) - NAMED_FAULTS} more" if len(faults) > NAMED_FAULTS else ""
        raise CheckpointError(
            f"{source} does not fit the reference network in {len(faults)} of "
            f"{len(expected)} tensors: {shown}{more}."
        )
    return config


def _faults(found: Shapes, expected: Shapes) -> list[str]:
    missing = [f"{name} is missing" for name in expected if name not in found]
    unexpected = [f"{one_line(name)} is unexpected" for name in found if name not in expected]
    wrong = [
        f"{name} has shape {found[name]} instead of {shape}"
        for name, shape in expected.items()
        if name in found and found[name] != shape
    ]
    return missing + unexpected + wrong


def _bundle_name(path: Path) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).lstrip("._-") or "imported"
