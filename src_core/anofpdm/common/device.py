"""Device selection, the reason why CUDA is unavailable, and free memory."""

from __future__ import annotations

import re
from typing import Literal, get_args

from anofpdm.common.errors import DeviceError
from anofpdm.common.memory import available_bytes

DeviceName = Literal["auto", "cpu", "cuda", "mps"]


def resolve_device(name: str = "auto") -> str:
    """Return the torch device for a name; `auto` prefers CUDA, then MPS, then the CPU.

    Parameters
    ----------
    name : {"auto", "cpu", "cuda", "mps"}
        A CUDA device may carry an index, such as "cuda:1".

    Raises
    ------
    DeviceError
        When the device is unknown or cannot be used, with the reason.
    """
    import torch

    if name not in get_args(DeviceName) and not re.fullmatch(r"cuda:[0-9]+", name):
        known = ", ".join(get_args(DeviceName))
        raise DeviceError(f"The device '{name}' is unknown; choose one of {known}.")
    if name == "auto":
        if why_no_cuda() is None:
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    if name.startswith("cuda"):
        reason = why_no_cuda()
        if reason is not None:
            raise DeviceError(f"CUDA is unavailable: {reason}; choose the device cpu or auto.")
        index = int(name.partition(":")[2] or 0)
        if index >= torch.cuda.device_count():
            raise DeviceError(
                f"GPU {index} does not exist; this machine has {torch.cuda.device_count()} GPUs, "
                "numbered from 0."
            )
    if name == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("MPS is unavailable: it needs a Mac with Apple silicon; choose cpu.")
    return name


def why_no_cuda() -> str | None:
    """Return why CUDA is unavailable, or None if it is available."""
    import torch

    if torch.cuda.is_available():
        return None
    if torch.version.cuda is None:
        return "the installed PyTorch was built without CUDA"
    return "PyTorch finds no NVIDIA GPU with a working driver"


def gpu_count() -> int:
    """Return the number of usable NVIDIA GPUs."""
    import torch

    return torch.cuda.device_count() if why_no_cuda() is None else 0


def free_bytes(device: str) -> int:
    """Return the free memory of a device: the GPU's own, otherwise what `available_bytes` says.

    What PyTorch holds of a GPU for this process without using it is free, too.
    """
    if device.startswith("cuda"):
        import torch

        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + held
    return available_bytes()


def release_memory() -> None:
    """Release PyTorch's cached GPU memory to other programs."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def synchronize(device: str) -> None:
    """Wait until a GPU has finished its queued work; no effect on a CPU."""
    import torch

    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    elif device == "mps":
        torch.mps.synchronize()
