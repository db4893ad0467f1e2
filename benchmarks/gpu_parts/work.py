"""What a network's forward pass has to do, and where a profile says the time goes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from anofpdm.model.unet import UNet
from anofpdm.model.unet_config import UNetConfig

# Kinds of kernels and operations by their names; the first that matches counts.
KINDS = (
    ("copies and layout", "nchwToNhwc|nhwcToNchw|copy|Cat|Memcpy|Memset|cat\\b|contiguous|clone"),
    ("group norm", "GroupNorm|group_norm|Moments|FusedParams|chunk_|coefficients|apply|input_grad"),
    ("attention", "flash|fmha|softmax|attention"),
    ("residual sum", "add_with_bias"),
    ("convolution", "conv|cudnn|xmma|implicit|fprop|wgrad|dgrad"),
    ("matrix product", "gemm|nvjet|cublas|cutlass|addmm|matmul|\\bmm\\b|bmm|linear"),
    ("elementwise", "elementwise|silu|mul|add|sigmoid|upsample|fill|cos|sin|exp"),
)
_PRODUCTS = re.compile(r"convolution|addmm|\bmm\b|bmm|scaled_dot_product")


class Work(NamedTuple):
    """Floating-point operations and bytes of one slice's forward pass.

    Attributes
    ----------
    flops : float
        Of convolutions, matrix products and attention.
    product_bytes : float
        What those read and write at least, in bfloat16, weights shared by 64 slices.
    """

    flops: float
    product_bytes: float


class _Bytes(TorchDispatchMode):
    """Adds up the sizes of what products read and write."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0.0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if _PRODUCTS.search(str(func)):
            self.total += sum(
                2.0 * t.numel() for t in tree_leaves([args, out]) if isinstance(t, Tensor)
            )
        return out


def work_of(config: UNetConfig) -> Work:
    """Count the work of a slice, without computing anything."""
    batch = 64
    with torch.device("meta"):
        network = UNet(config).eval()
        x = torch.empty(batch, config.in_channels, config.image_size, config.image_size)
        index = torch.empty(batch, dtype=torch.int64)
    with torch.no_grad():
        with FlopCounterMode(display=False) as counter:
            network(x, index, index)
        with _Bytes() as counted:
            network(x, index, index)
    return Work(counter.get_total_flops() / batch, counted.total / batch)


def profile_by_kind(call: Callable[[], None], *, cuda: bool) -> dict[str, Any]:
    """Milliseconds of a call by kind of kernel, on a CPU of operation, and the longest by name."""
    from torch.profiler import ProfilerActivity, profile

    call()
    activity = ProfilerActivity.CUDA if cuda else ProfilerActivity.CPU
    with profile(activities=[activity]) as found:
        call()
    kinds: defaultdict[str, float] = defaultdict(float)
    names: defaultdict[str, float] = defaultdict(float)
    for event in found.key_averages():
        spent = event.self_device_time_total if cuda else event.self_cpu_time_total
        names[event.key] += spent / 1e3
        kinds[kind_of(event.key)] += spent / 1e3
    longest = sorted(names.items(), key=lambda item: -item[1])[:40]
    return {
        "ms": dict(sorted(kinds.items(), key=lambda item: -item[1])),
        "longest": [{"name": name[:160], "ms": ms} for name, ms in longest],
    }


def kind_of(name: str) -> str:
    """Return the kind that a kernel's name says it is."""
    return next((kind for kind, words in KINDS if re.search(words, name)), "other")
