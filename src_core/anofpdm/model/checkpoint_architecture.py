"""Read the reference network's architecture off the shapes of a state dict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from anofpdm.common.errors import CheckpointError
from anofpdm.common.validation import validated
from anofpdm.model.unet_config import REFERENCE_ATTENTION, REFERENCE_MULTIPLIERS, UNetConfig

Shapes = Mapping[str, tuple[int, ...]]

FIRST = "input_blocks.0.0.weight"
"""The weight that takes in the image."""
_TIME = "time_embed.0.weight"


@dataclass
class _Level:
    """The properties of one resolution, inferred from its stages."""

    widths: list[int] = field(default_factory=list)
    attends: bool = False


def read_architecture(
    shapes: Shapes, *, source: str, heads: int, image_size: int | None
) -> UNetConfig:
    """Return the ``reference`` configuration that a state dict's shapes imply.

    Parameters
    ----------
    shapes : Mapping of str to tuple of int
        Shape of each tensor, by its name.
    source : str
        The file, for errors.
    heads : int
        Attention heads; they do not follow from any shape.
    image_size : int or None
        Rows (= columns) of the training images; None: told from the multipliers and the depth at
        which attention begins, where they are those of a published size (64, 128, 256).

    Raises
    ------
    CheckpointError
        When the tensors are not laid out as the reference network's, or the image size is neither
        given nor implied.
    """
    for name, dimensions in ((FIRST, 4), (_TIME, 2)):
        if len(shapes.get(name, ())) != dimensions:
            raise CheckpointError(
                f"{source} has no {dimensions}-dimensional tensor {name}, so it is not a "
                "checkpoint of the reference network; use a file saved by the reference code."
            )
    base, channels = shapes[_TIME][1], shapes[FIRST][1]
    levels = _read_levels(shapes, source)
    multipliers = tuple(_multiplier(level, base, source) for level in levels)
    attends = tuple(level.attends for level in levels)
    size = image_size or _implied_size(multipliers, attends)
    if size is None:
        raise CheckpointError(
            f"{source} has the channel multipliers {multipliers}, which match no published image "
            "size; set the size of the training images (--size)."
        )
    return validated(
        UNetConfig,
        raises=CheckpointError,
        where=source,
        image_size=size,
        in_channels=channels,
        base_channels=base,
        channel_multipliers=multipliers,
        blocks_per_level=_blocks(levels),
        attention_resolutions=tuple(size >> i for i, attention in enumerate(attends) if attention),
        heads=heads,
        conditioning="reference",
    )


def _read_levels(shapes: Shapes, source: str) -> list[_Level]:
    """Walk down input_blocks: a strided `op` opens the next level."""
    levels = [_Level()]
    stage = 1
    while True:
        prefix = f"input_blocks.{stage}"
        if f"{prefix}.0.op.weight" in shapes:
            levels.append(_Level())
        elif f"{prefix}.0.in_layers.2.weight" in shapes:
            shape = shapes[f"{prefix}.0.in_layers.2.weight"]
            levels[-1].widths.append(shape[0] if shape else 0)
            levels[-1].attends |= f"{prefix}.1.qkv.weight" in shapes
        else:
            break
        stage += 1
    empty = [i for i, level in enumerate(levels) if not level.widths]
    if empty:
        raise CheckpointError(
            f"{source} has no residual block at level {empty[0]} of its encoder, so it is not a "
            "checkpoint of the reference network; use a file saved by the reference code."
        )
    return levels


def _multiplier(level: _Level, base: int, source: str) -> int:
    width = level.widths[0]
    if any(w != width for w in level.widths) or not base or width % base:
        raise CheckpointError(
            f"{source} has residual blocks of {level.widths} channels at one level, which do not "
            f"share one multiple of its {base} base channels; it is not a checkpoint of the "
            "reference network."
        )
    return width // base


def _blocks(levels: list[_Level]) -> int | tuple[int, ...]:
    counts = tuple(len(level.widths) for level in levels)
    return counts[0] if len(set(counts)) == 1 else counts


def _implied_size(multipliers: tuple[int, ...], attends: tuple[bool, ...]) -> int | None:
    for size, published in REFERENCE_MULTIPLIERS.items():
        expected = tuple((size >> i) in REFERENCE_ATTENTION for i in range(len(published)))
        if multipliers == published and attends == expected:
            return size
    return None
