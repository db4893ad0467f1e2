"""Memory and disk space of a run, computed from the shapes of its network."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from anofpdm.model.unet import UNet
from anofpdm.training.config import TrainingConfig

_FLOAT32 = 4
# Weights, their gradients, their moving average and AdamW's two moments.
_COPIES_IN_MEMORY = 5
# Of these all but the gradients go into a checkpoint.
_COPIES_IN_CHECKPOINT = 4
# The one being written and the best one are in addition to those kept.
_FURTHER_CHECKPOINTS = 2
_BUNDLE_BYTES = 2
# Autocast keeps most feature maps in half the bytes, and normalisations in full.
_BFLOAT16_SHARE = 0.6


def run_bytes(config: TrainingConfig) -> int:
    """Bytes of disk that a run takes: its checkpoints, and its bundle."""
    weights = _weights(_shapes(config))
    checkpoints = config.keep_checkpoints + _FURTHER_CHECKPOINTS
    return (checkpoints * _COPIES_IN_CHECKPOINT * _FLOAT32 + _BUNDLE_BYTES) * weights


def step_bytes(config: TrainingConfig, slices: int) -> int:
    """Bytes of the device's memory that a step takes (an estimate).

    Parameters
    ----------
    config : TrainingConfig
        The run.
    slices : int
        Those that go through the network at once.
    """
    network = _shapes(config)
    share = _BFLOAT16_SHARE if config.precision == "bfloat16" else 1.0
    maps = round(share * _kept_bytes(network, config))
    return _FLOAT32 * _COPIES_IN_MEMORY * _weights(network) + slices * maps


def _shapes(config: TrainingConfig) -> UNet:
    """Return the network as shapes without numbers."""
    with torch.device("meta"):
        return UNet(config.network).train()


def _weights(network: UNet) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _kept_bytes(network: UNet, config: TrainingConfig) -> int:
    """Bytes of all that a slice's forward pass leaves for the backward one, the weights aside."""
    weights = {id(parameter.untyped_storage()) for parameter in network.parameters()}
    # Several views of one map keep it once. The storages are held, for their ids to stay theirs.
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[id(storage)] = storage
        return tensor

    size = config.network.image_size
    with (
        torch.device("meta"),
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        x = torch.empty(1, config.network.in_channels, size, size)
        index = torch.empty(1, dtype=torch.int64)
        functional.mse_loss(network(x, index, index), torch.empty_like(x))
    return sum(storage.nbytes() for key, storage in kept.items() if key not in weights)
