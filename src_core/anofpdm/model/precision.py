"""The number format in which the network computes, and the choice of it for a device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from anofpdm.common.errors import DeviceError

if TYPE_CHECKING:
    from anofpdm.model.unet import UNet

Precision = Literal["auto", "float32", "tf32", "float16", "bfloat16"]
ResolvedPrecision = Literal["float32", "tf32", "float16", "bfloat16"]

# The first NVIDIA generations with float16 (Volta), and with bfloat16 and TF32 (Ampere), in their
# matrix units.
_VOLTA, _AMPERE = (7, 0), (8, 0)

LARGEST_BFLOAT16_GUIDANCE = 8.0
"""Guidance up to which `auto` may take bfloat16: the guidance multiplies what it rounds away."""


@cache
def has_bfloat16_matrix_units(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Tell whether this computer's CPU multiplies bfloat16 matrices in units of their own (AMX).

    Linux tells; elsewhere the answer is False.
    """
    try:
        return "amx_bf16" in cpuinfo.read_text(encoding="ascii", errors="replace").split()
    except OSError:
        return False


def resolve_precision(
    precision: Precision, device: str, guidance: float | None = None
) -> ResolvedPrecision:
    """Return the precision that a name means on a device.

    Parameters
    ----------
    precision : {"auto", "float32", "tf32", "float16", "bfloat16"}
        "auto" is float16 on NVIDIA GPUs with matrix units (compute capability 7.0 and above),
        bfloat16 on CPUs with units for it where `guidance` is known and at most
        `LARGEST_BFLOAT16_GUIDANCE`, and float32 elsewhere. With a larger guidance bfloat16
        changed masks (docs/benchmarks.md). The choice depends on device and model alone, so a
        repeated run has the same precision.
    device : str
        A torch device.
    guidance : float, optional
        The guidance that the model is calibrated for; see `ModelBundle.precision_on`.

    Raises
    ------
    DeviceError
        When the device cannot compute in the precision asked for.
    """
    import torch

    kind = torch.device(device).type
    capability = torch.cuda.get_device_capability(device) if kind == "cuda" else (0, 0)
    if precision == "auto":
        if kind == "cpu" and guidance is not None and guidance <= LARGEST_BFLOAT16_GUIDANCE:
            return "bfloat16" if has_bfloat16_matrix_units() else "float32"
        return "float16" if capability >= _VOLTA else "float32"
    if precision == "tf32" and capability < _AMPERE:
        raise DeviceError(
            f"The precision tf32 needs an NVIDIA GPU of compute capability 8.0 or above, not "
            f"{device}; choose auto or float32."
        )
    if precision == "bfloat16" and kind == "cuda" and not torch.cuda.is_bf16_supported():
        raise DeviceError("This GPU does not support bfloat16; choose auto or float32.")
    return precision


def cast_for_inference(network: UNet, precision: ResolvedPrecision) -> None:
    """Cast the weights of convolutions and attention once, in place.

    All else stays in float32: normalization, the embeddings of time and label, what they scale
    and shift by, and the last convolution, whose outputs are subtracted from each other.
    """
    import torch
    from torch import nn

    from anofpdm.model.unet_blocks import LabelAttention, SelfAttention

    if precision not in ("float16", "bfloat16"):
        return
    dtype: torch.dtype = getattr(torch, precision)
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module is not network.out[-1]:
            module.to(dtype)
        elif isinstance(module, SelfAttention | LabelAttention):
            module.qkv.to(dtype)
            module.proj_out.to(dtype)


@contextmanager
def float32_products(precision: ResolvedPrecision) -> Iterator[None]:
    """Let CUDA round the inputs of float32 products to TF32 only where that was asked for.

    PyTorch itself does so in convolutions by default. In half precision the last convolution may:
    its inputs are half-precision numbers, which TF32 holds exactly.
    """
    import torch

    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.allow_tf32, matmul.allow_tf32
    cudnn.allow_tf32, matmul.allow_tf32 = precision != "float32", precision == "tf32"
    try:
        yield
    finally:
        cudnn.allow_tf32, matmul.allow_tf32 = before
