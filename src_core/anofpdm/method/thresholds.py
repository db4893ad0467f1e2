"""The cosine of the error curves, and the thresholds on an anomaly map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import SettingsError
from anofpdm.method.hysteresis import hysteresis
from anofpdm.method.settings import AbsoluteThreshold, DynamicQuantile, ThresholdRule

Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]


def error_cosine(mse_healthy: Floats, mse_null: Floats) -> NDArray[np.float64]:
    """Eq. 18: cosine of the two error curves over all steps; near 1 for healthy slices.

    Parameters
    ----------
    mse_healthy, mse_null : array
        (S, C, K); the curves are averaged over the scored modalities first.

    Returns
    -------
    array
        (S,), 0..1. It is 1 if both curves are zero, and 0 if only one is.
    """
    healthy = mse_healthy.astype(np.float64).mean(axis=1)
    null = mse_null.astype(np.float64).mean(axis=1)
    norms = np.linalg.norm(healthy, axis=-1) * np.linalg.norm(null, axis=-1)
    products = (healthy * null).sum(axis=-1)
    alike = np.linalg.norm(healthy - null, axis=-1) == 0
    cosine = np.divide(products, norms, out=alike.astype(np.float64), where=norms > 0)
    return np.asarray(np.clip(cosine, 0.0, 1.0), dtype=np.float64)


def dynamic_quantile(
    divergence_at_end: float, max_divergence: float, low: float, high: float
) -> float:
    """Return the quantile of Algorithm 1: `high` without divergence, `low` from M_max on.

    Parameters
    ----------
    divergence_at_end : float
        M_{t_e} of the slice.
    max_divergence : float
        M_max, above 0.
    low, high : float
        a and b.
    """
    quantiles = np.linspace(low, high, 101)[::-1]
    scaled = min(max(divergence_at_end / max_divergence, 0.0), 1.0)
    return float(quantiles[int(np.rint(100.0 * scaled))])


def slice_quantiles(
    divergence_at_end: Floats, rule: ThresholdRule, max_divergence: Sequence[float] | None
) -> NDArray[np.float64]:
    """Return the quantile for each modality of one slice, (C,); nan for an absolute threshold.

    Raises
    ------
    SettingsError
        When M_max is missing or has another number of modalities.
    """
    count = len(divergence_at_end)
    if isinstance(rule, AbsoluteThreshold):
        return np.full(count, np.nan)
    if not isinstance(rule, DynamicQuantile):
        return np.full(count, rule.quantile)
    given = 0 if max_divergence is None else len(max_divergence)
    if max_divergence is None or given != count:
        raise SettingsError(
            f"The dynamic threshold needs M_max for {count} scored modalities, but "
            f"max_divergence has {given} values."
        )
    return np.array(
        [
            dynamic_quantile(float(m), m_max, rule.low, rule.high)
            for m, m_max in zip(divergence_at_end, max_divergence, strict=True)
        ]
    )


def slice_threshold(
    maps: Floats, foreground: Mask, rule: ThresholdRule, quantiles: Floats
) -> float:
    """Return the threshold on one slice's anomaly map: Q*, averaged over the modalities.

    Parameters
    ----------
    maps : array
        H of each modality, not filtered, (C, H, W).
    foreground : array
        The brain, (H, W), bool.
    rule : ThresholdRule
    quantiles : array
        (C,), from `slice_quantiles`.

    Returns
    -------
    float
        0 if the map is empty, or if the region is the brain and the slice has none.
    """
    if isinstance(rule, AbsoluteThreshold):
        return rule.value
    pixels = maps[:, foreground] if rule.region == "brain" else maps.reshape(len(maps), -1)
    if pixels.shape[1] == 0:
        return 0.0
    return float(
        np.mean(
            [np.quantile(row, q) for row, q in zip(pixels, quantiles.astype(float), strict=True)]
        )
    )


def thresholded(
    filtered_map: Floats, foreground: Mask, rule: ThresholdRule, threshold: float
) -> Mask:
    """Return the mask of one slice: the median-filtered map at or above the threshold.

    With an absolute rule and an extent below 1, the mask consists of the 8-connected components at
    or above `extent` times the threshold that contain a pixel at or above the threshold.

    A threshold of 0 (from an empty map) gives an empty mask; pixels at exactly 0 are never marked.
    With the region "brain" the mask is limited to the foreground.

    Parameters
    ----------
    filtered_map : array
        (H, W).
    foreground : array
        (H, W), bool.
    """
    if isinstance(rule, AbsoluteThreshold):
        return _hysteresis(filtered_map, rule.extent * threshold, threshold)
    if threshold <= 0:
        return np.zeros(filtered_map.shape, dtype=bool)
    mask = np.asarray(filtered_map >= threshold)
    return mask & foreground if rule.region == "brain" else mask


def _hysteresis(filtered_map: Floats, low: float, high: float) -> Mask:
    strong = np.asarray((filtered_map >= high) & (filtered_map > 0))
    if low == high or not strong.any():
        return strong
    return hysteresis((filtered_map >= low) & (filtered_map > 0), strong)
