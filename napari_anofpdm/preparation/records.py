"""What was done to a scan or a brain mask, kept in its layer until a run puts it in the report."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Layer
    from numpy.typing import NDArray

_RECORD = "anofpdm_preparation"
_CHECKSUM = "anofpdm_preparation_checksum"


def note_preparation(metadata: dict[str, Any], record: Mapping[str, Any], data: Any) -> None:
    """Add what was done to the metadata of a layer with these voxels."""
    metadata |= {_RECORD: dict(record), _CHECKSUM: _checksum(np.asarray(data))}


def preparation_of(layers: Iterable[Layer]) -> dict[str, Any]:
    """Return what was done to layers, as the report has it; empty where nothing was.

    Parameters
    ----------
    layers : iterable of Layer
        Those of a run.

    Returns
    -------
    dict
        JSON values as `anofpdm.preprocessing.chain.prepare_scans` records them. An extracted brain
        mask that was changed since has ``"edited": True``.
    """
    whole: dict[str, Any] = {}
    for layer in layers:
        record = layer.metadata.get(_RECORD, {})
        if "registration" in record:
            whole["registration"] = [*whole.get("registration", []), *record["registration"]]
        if "brain_extraction" in record:
            edited = _checksum(np.asarray(layer.data)) != layer.metadata[_CHECKSUM]
            more = {"edited": True} if edited else {}
            whole["brain_extraction"] = record["brain_extraction"] | more
        if "bias_field" in record:
            scans = [*whole.get("bias_field", {}).get("scans", []), *record["bias_field"]["scans"]]
            whole["bias_field"] = record["bias_field"] | {"scans": scans}
    return whole


def _checksum(data: NDArray[Any]) -> int:
    return zlib.crc32(np.ascontiguousarray(data).data)
