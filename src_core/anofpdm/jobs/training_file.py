"""The configuration file of a training job, made from a few choices and the dataset."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, get_args

from anofpdm.common.errors import SettingsError
from anofpdm.datasets.store.slices import SliceDataset
from anofpdm.model.unet_config import REFERENCE_MULTIPLIERS, UNetConfig

NetworkSize = Literal["published", "small"]

_SMALL_CHANNELS: Final = 32
_SMALL_MULTIPLIERS: Final = (1, 2, 3, 4)
_SMALL_ATTENTION: Final = (16, 8)


def network_for(dataset: SliceDataset, size: NetworkSize) -> UNetConfig:
    """Return a network that takes the dataset's slices.

    Parameters
    ----------
    dataset : SliceDataset
    size : {"published", "small"}
        The published network (2 heads, as its authors train it), or one that a CPU can learn.

    Raises
    ------
    SettingsError
        When there is none for slices of that many pixels.
    """
    if size not in get_args(NetworkSize):
        raise SettingsError(f"{size} is not a network size; choose published or small.")
    channels, pixels, _ = dataset.slice_shape
    if size == "published":
        if pixels not in REFERENCE_MULTIPLIERS:
            known = ", ".join(map(str, REFERENCE_MULTIPLIERS))
            raise SettingsError(
                f"{dataset.path} has slices of {pixels} pixels, but the published network exists "
                f"for {known}; choose the small network, or prepare the dataset with another size."
            )
        return UNetConfig.reference(pixels, channels, heads=2)
    levels = len(_SMALL_MULTIPLIERS)
    while levels > 1 and pixels % (1 << (levels - 1)):
        levels -= 1
    return UNetConfig(
        image_size=pixels,
        in_channels=channels,
        base_channels=_SMALL_CHANNELS,
        channel_multipliers=_SMALL_MULTIPLIERS[:levels],
        attention_resolutions=_SMALL_ATTENTION,
        heads=2,
    )


def training_toml(
    dataset: Path, size: NetworkSize, name: str, **values: float | int | str | bool
) -> str:
    """Write the configuration that `anofpdm train` reads.

    Parameters
    ----------
    dataset : Path
        What it trains on, with a split "train".
    size : {"published", "small"}
        See `network_for`.
    name : str
        Of the bundle.
    **values
        Keys of `TrainingConfig`; the others keep their published defaults.

    Raises
    ------
    DatasetError, SettingsError
        When the dataset cannot be read or no network fits it.
    """
    network = network_for(SliceDataset.open(dataset), size)
    parts = [
        _table(values),
        "[network]",
        _table(network.model_dump(mode="json")),
        "[bundle]",
        _table({"name": name}),
    ]
    return "\n".join(parts) + "\n"


def _table(values: Mapping[str, object]) -> str:
    # JSON's strings, numbers, booleans and lists are TOML's, too.
    return "\n".join(f"{key} = {json.dumps(value)}" for key, value in values.items())
