"""torch.compile, with what it makes kept for the next run."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Final, cast

import torch
from platformdirs import user_cache_path
from torch import nn

CACHE_VARIABLE: Final = "TORCHINDUCTOR_CACHE_DIR"
"""Where PyTorch's compiler keeps its results; by default in the system's temporary folder."""


def compiled(network: nn.Module) -> nn.Module:
    """Compile a network at its first call.

    What the compiler makes is kept in the user's cache folder, so that the same network starts
    sooner the next time, also on another node of a cluster or after a restart. A folder that the
    environment names, or one that cannot be made, leaves PyTorch's own choice.
    """
    if CACHE_VARIABLE not in os.environ:
        with suppress(OSError):
            folder = user_cache_path("anofpdm") / "compiled"
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                os.environ[CACHE_VARIABLE] = str(folder)
    return cast(nn.Module, torch.compile(network))
