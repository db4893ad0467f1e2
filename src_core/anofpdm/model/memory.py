"""The number of slices per network call that fit into a device's memory."""

from __future__ import annotations

from anofpdm.common.device import free_bytes
from anofpdm.model.unet_config import UNetConfig

# Larger batches bring nothing beyond these: caches on a CPU, occupancy on a GPU.
_MOST_SLICES = {"cpu": 8, "cuda": 128, "mps": 32}
# Feature maps alive at once at the finest level, in units of its width (an estimate).
_LIVE_MAPS = 10


def slice_bytes(network: UNetConfig, steps: int) -> int:
    """Estimate of the working memory that one slice takes while its steps are computed.

    Parameters
    ----------
    network : UNetConfig
        Its feature maps, for two evaluations, in float32.
    steps : int
        Steps whose predictions wait on the CPU, in float32 at most, to be stored.
    """
    finest = network.resolutions[0] ** 2 * max(network.widths[:2])
    attended = [r for r in network.resolutions if r in network.attention_resolutions]
    scores = max((network.heads * r**4 for r in attended), default=0)
    kept = 2 * steps * network.in_channels * network.image_size**2
    return 4 * (2 * (_LIVE_MAPS * finest + 2 * scores) + kept)


def default_batch_size(network: UNetConfig, steps: int, device: str, slices: int) -> int:
    """Slices a network call that fit into half of the free memory, at least 1."""
    fitting = free_bytes(device) // 2 // slice_bytes(network, steps)
    return max(1, min(slices, _MOST_SLICES[device.split(":")[0]], int(fitting)))


def most_slices(network: UNetConfig, device: str) -> int:
    """Slices of any number of scans in one network call, whose steps go elsewhere."""
    return default_batch_size(network, 0, device, _MOST_SLICES[device.split(":")[0]])
