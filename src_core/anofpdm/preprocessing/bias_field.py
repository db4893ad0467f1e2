"""Correction of the coils' slow brightness (N4, SimpleITK).

N. J. Tustison et al., "N4ITK: improved N3 bias correction", IEEE Transactions on Medical Imaging 29
(2010) 1310-1320.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from anofpdm.preprocessing.itk import array_of, itk_image, simple_itk
from anofpdm.scans.foreground import cleaned
from anofpdm.scans.volume import Volume

# The field is smooth: it is fitted on voxels of about this size and applied to all.
_WORKING_MM = 4.0
_ITERATIONS = (50, 50, 30, 20)


def correct_bias_field(volume: Volume, inside: NDArray[np.bool_]) -> Volume:
    """Divide a scan by its bias field.

    Parameters
    ----------
    volume : Volume
    inside : ndarray of bool, shape of the volume
        Where the field is fitted: the brain.

    Raises
    ------
    SettingsError
        When SimpleITK is not installed.
    """
    sitk = simple_itk()
    values = cleaned(volume.data)
    image = itk_image(volume, values)
    mask = sitk.Cast(itk_image(volume, inside.astype(np.float32)), sitk.sitkUInt8)
    factors = [max(1, round(_WORKING_MM / size)) for size in volume.spacing]
    corrector = sitk.N4BiasFieldCorrectionImageFilter()
    corrector.SetMaximumNumberOfIterations(_ITERATIONS)
    corrector.Execute(sitk.Shrink(image, factors), sitk.Shrink(mask, factors))
    field = np.exp(array_of(corrector.GetLogBiasFieldAsImage(image)))
    return replace(volume, data=(values / np.maximum(field, 1e-3)).astype(np.float32))
