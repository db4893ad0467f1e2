"""`CompareRequest`: the scans of two examinations and the model, and the comparison itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from anofpdm import Volume
    from anofpdm.model.precision import Precision
    from anofpdm.results.follow_up.comparison import FollowUp, FollowUpListener, TimePoint


@dataclass(frozen=True, eq=False)
class CompareRequest:
    """What is compared; see `anofpdm.results.follow_up.comparison.compare_examinations`.

    Attributes
    ----------
    bundle : str
        Name or path of the model.
    scans : mapping of str to mapping of str to Volume
        By `baseline` and `follow_up`, then by modality.
    register : {"auto", "off"}
        Whether the follow-up is registered onto the baseline, or lies on it already.
    device, precision : str
    batch_size : int or None
    """

    bundle: str
    scans: Mapping[TimePoint, Mapping[str, Volume]]
    register: Literal["auto", "off"] = "auto"
    device: str = "auto"
    precision: Precision = "auto"
    batch_size: int | None = None


def compare(request: CompareRequest, listener: FollowUpListener) -> FollowUp:
    """Compare, on the engine thread, with the settings and steps that the model asks for.

    Raises
    ------
    AnofpdmError
        If the request is invalid, or `Cancelled`.
    """
    from anofpdm import Settings, load_bundle
    from anofpdm.common.device import release_memory
    from anofpdm.method.calibration import chosen_grid
    from anofpdm.preprocessing.chain import ChainSettings
    from anofpdm.results.follow_up.comparison import NetworkRun, compare_examinations

    try:
        listener.stage("Reading the model")
        model = load_bundle(request.bundle)
        calibration = model.metadata.calibration
        return compare_examinations(
            request.scans,
            model,
            Settings() if calibration is None else Settings.from_calibration(calibration),
            NetworkRun(
                chosen_grid(calibration),
                device=request.device,
                precision=request.precision,
                batch_size=request.batch_size,
            ),
            preparation=ChainSettings(register=request.register),
            listener=listener,
        )
    finally:
        release_memory()
