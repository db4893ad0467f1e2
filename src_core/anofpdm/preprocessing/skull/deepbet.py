"""deepbet: brain extraction by two small U-Nets whose weights are in its package.

L. Fisch et al., "deepbet: Fast brain extraction of T1-weighted MRI using convolutional neural
networks", Computers in Biology and Medicine 179 (2024) 108845. Published for T1 of healthy adults.
"""

from __future__ import annotations

import warnings
from importlib.metadata import version

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import Cancelled, VolumeError
from anofpdm.preprocessing.skull.tool import ShouldCancel, ToolMissingError
from anofpdm.scans.foreground import cleaned
from anofpdm.scans.volume import Volume

_THRESHOLD = 0.5


def find_brain(volume: Volume, cancelled: ShouldCancel) -> tuple[NDArray[np.bool_], str]:
    """Return the brain on the scan's voxels, and the version of deepbet; runs on the CPU.

    Raises
    ------
    ToolMissingError, VolumeError, Cancelled
    """
    try:
        with warnings.catch_warnings():
            # PyTorch's wish that its own models be exported anew; deepbet's are TorchScript.
            warnings.filterwarnings("ignore", message=".*torch.jit.*")
            from deepbet.bet import BrainExtraction

            extraction = BrainExtraction(no_gpu=True)
    except ImportError as error:
        raise ToolMissingError(
            "deepbet is not installed; install it with pip install 'napari-anofpdm[skull]', or "
            "give a brain mask."
        ) from error
    except (OSError, RuntimeError) as error:
        raise ToolMissingError(
            f"deepbet cannot load its weights ({str(error).splitlines()[0]}); install it again "
            "with pip install --force-reinstall --no-deps deepbet."
        ) from error
    if cancelled():
        raise Cancelled("The brain extraction was cancelled.")
    image = nib.Nifti1Image(cleaned(volume.data), volume.affine)
    try:
        _, mask, _ = extraction.run(image, threshold=_THRESHOLD)
    except (AssertionError, ValueError, IndexError, RuntimeError) as error:
        # It has no words of its own for a scan without a brain.
        raise VolumeError(
            f"deepbet found no brain in {volume.name}; check the scan, choose another tool, or "
            "give a brain mask."
        ) from error
    return np.asarray(mask.dataobj) > 0, version("deepbet")
