"""A phantom's slices as the network sees them, without leaving the device that draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anofpdm.datasets.labels.rule import LESION_MM2, Labels, labels_from_area
from anofpdm.scans.foreground import RESIDUE
from anofpdm.scans.preprocessing import enough_foreground, lay_field
from anofpdm.scans.preprocessing_config import MEDIAN_HEADROOM, PreprocessingConfig
from anofpdm.scans.volume import Volume
from anofpdm.synthetic.phantom import DrawnSubject, draw_subject
from anofpdm.synthetic.streams import Stream

_TRACE_MM2 = 1e-6
_SPACING_STREAM = 99


@dataclass(frozen=True)
class LabelledSlices:
    """Preprocessed slices of one phantom, labelled from its truth.

    Attributes
    ----------
    images : Tensor, shape (S, C, size, size), float32 in [-1, 1]
        The slices.
    foreground, truth : Tensor of bool, shape (S, size, size)
        Brain, and lesion, on the network's grid.
    slice_ids : ndarray of int, shape (S,)
        Axial index of each slice, growing toward the head's top.
    labels : ndarray of int8, shape (S,)
        0 healthy, 1 unhealthy, -1 unknown; see `slice_labels`.
    twins : Tensor, shape (U, C, size, size), float32, or None
        The U unhealthy slices without their lesions, where they were asked for.
    """

    images: Tensor
    foreground: Tensor
    truth: Tensor
    slice_ids: NDArray[np.int64]
    labels: NDArray[np.int8]
    twins: Tensor | None = None


def slice_labels(
    share: NDArray[np.floating], pixel_mm: tuple[float, float], lesion_mm2: float
) -> Labels:
    """Label slices of known truth by the area of the pixels that are at least half lesion.

    A lesion that fills no pixel by half makes its slice unknown, never healthy.

    Parameters
    ----------
    share : ndarray (S, rows, columns)
        Lesion's share of each pixel, 0..1.
    pixel_mm : tuple of float
        Height and width of a pixel.
    lesion_mm2 : float
        As for `labels_from_area`.
    """
    area = (share >= 0.5).sum(axis=(1, 2)) * float(np.prod(pixel_mm))
    touched = share.any(axis=(1, 2))
    return labels_from_area(np.where(touched & (area == 0), _TRACE_MM2, area), lesion_mm2)


def training_spacing(seed: int) -> tuple[float, float, float]:
    """Voxel size in mm of a training phantom: 1 to 1.5 in plane, slices 2.4 to 6 apart.

    Neighbouring slices of a fine scan teach a 2-D network little. Slices of up to 2.5 mm are not
    averaged, so they look like thin ones.
    """
    stream = Stream(seed, _SPACING_STREAM)
    plane = stream.uniform(1.0, 1.5)
    return plane, plane, 2.4 if stream.chance(0.35) else stream.uniform(2.6, 6.0)


def phantom_slices(
    seed: int,
    modalities: Sequence[str],
    config: PreprocessingConfig,
    *,
    lesion_mm2: float = LESION_MM2,
    twins: bool = False,
    device: torch.device | str = "cpu",
) -> LabelledSlices:
    """Draw a training phantom and its slices on a device."""
    drawn = draw_subject(
        seed, modalities, spacing=training_spacing(seed), twins=twins, device=device
    )
    return cut_slices(drawn, modalities, config, lesion_mm2=lesion_mm2)


def cut_slices(
    drawn: DrawnSubject,
    modalities: Sequence[str],
    config: PreprocessingConfig,
    *,
    lesion_mm2: float = LESION_MM2,
) -> LabelledSlices:
    """Make the network's slices of a drawn subject: what `preprocess` makes of its scans.

    Parameters
    ----------
    drawn : DrawnSubject
        The subject; its axes are canonical and its background is 0.
    modalities : sequence of str
        Channels in order.
    config : PreprocessingConfig
        `fixed` field of view, and an intensity of the whole volume.
    lesion_mm2 : float
        As in `slice_labels`.
    """
    scans = [drawn.scans[m] for m in modalities]
    grounds = [_foreground(scan) for scan in scans]
    brain = torch.stack(grounds).any(0)
    lines = Volume(brain.cpu().numpy(), drawn.grid.affine)
    geometry = lay_field(lines, lines.data, config)
    down, across = (torch.from_numpy(m).to(drawn.grid.device) for m in geometry.onto_network)

    def resampled(volume: Tensor) -> Tensor:
        images = volume.permute(2, 0, 1) if geometry.rows.axis == 0 else volume.permute(2, 1, 0)
        return down @ images @ across.T

    covered = resampled(brain.float()) >= 0.5
    kept = np.flatnonzero(enough_foreground(covered.cpu().numpy(), config.min_foreground_fraction))
    rows = torch.from_numpy(kept).to(drawn.grid.device)
    whites = [_white(scan, ground, config) for scan, ground in zip(scans, grounds, strict=True)]

    def network_images(volume: Tensor, ground: Tensor, white: Tensor) -> Tensor:
        scaled = torch.where(ground, volume / white, 0.0).clamp(max=1.0)
        return (2 * resampled(scaled[:, :, rows]) - 1).clamp(-1, 1)

    images = torch.stack(
        [network_images(s, g, w) for s, g, w in zip(scans, grounds, whites, strict=True)], dim=1
    )
    share = torch.zeros_like(images[:, 0])
    if drawn.extent is not None:
        lesion = ((drawn.extent >= 0.5) & drawn.mask).float()
        share = resampled(lesion[:, :, rows])
    labels = slice_labels(share.cpu().numpy(), geometry.pixel_mm, lesion_mm2)
    twin_images = None
    if drawn.twins:
        sick = torch.from_numpy(np.flatnonzero(labels == 1)).to(drawn.grid.device)
        twin_scans = [drawn.twins[m] for m in modalities]
        twin_images = torch.stack(
            [network_images(t, _foreground(t), w) for t, w in zip(twin_scans, whites, strict=True)],
            dim=1,
        )[sick]
    return LabelledSlices(images, covered[rows], share >= 0.5, kept, labels, twin_images)


def _foreground(scan: Tensor) -> Tensor:
    # No phantom has a noisy floor, so residues are all that `foreground_of` would cut.
    positive = scan[scan > 0]
    return scan > RESIDUE * _percentile(positive, 99.0)


def _white(scan: Tensor, ground: Tensor, config: PreprocessingConfig) -> Tensor:
    if config.intensity == "volume_median":
        return MEDIAN_HEADROOM * _percentile(scan[ground], 50.0)
    return _percentile(scan[ground], 99.0)


def _percentile(values: Tensor, percent: float) -> Tensor:
    """Numpy's linear percentile; torch.quantile refuses more than 16 million values."""
    place = (values.numel() - 1) * percent / 100.0
    low = int(place)
    ordered = values.sort().values if values.is_cuda else None
    if ordered is None:
        first = values.kthvalue(low + 1).values
        second = values.kthvalue(min(low + 2, values.numel())).values
    else:
        first, second = ordered[low], ordered[min(low + 1, values.numel() - 1)]
    return torch.lerp(first, second, place - low)
