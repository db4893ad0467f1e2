"""The options that run the network, as one value, and the settings they give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anofpdm.cli.shared import options as opt
from anofpdm.cli.shared.option_sets import with_shared_options
from anofpdm.method.calibration import Calibration, TimestepGrid, chosen_grid

if TYPE_CHECKING:
    from anofpdm.method.settings import Settings
    from anofpdm.preprocessing.chain import ChainSettings
    from anofpdm.segmentation.settings import SegmentationSettings


@dataclass(frozen=True)
class RunOptions:
    """What a user gave of these options; None means not given."""

    process: opt.ProcessOption = None
    steps: opt.StepsOption = None
    t_max: opt.TMaxOption = None
    device: opt.DeviceOption = "auto"
    precision: opt.PrecisionOption = "auto"
    seed: opt.SeedOption = 0
    batch_size: opt.BatchSizeOption = None

    def grid(self, calibration: Calibration | None) -> TimestepGrid:
        """Return the noise levels that were given, else those of the calibration."""
        return chosen_grid(calibration, self.process, self.steps, self.t_max)

    def segmentation(
        self,
        reading: Settings,
        preparation: ChainSettings,
        calibration: Calibration | None,
        **others: Any,
    ) -> SegmentationSettings:
        """Return how scans are segmented.

        Parameters
        ----------
        reading : Settings
            How the network's output is read.
        preparation : ChainSettings
            What is done to raw scans.
        calibration : Calibration or None
            The model's.
        **others
            Further fields of `SegmentationSettings`.
        """
        from anofpdm.segmentation.settings import SegmentationSettings

        return SegmentationSettings(
            reading,
            self.grid(calibration),
            preparation,
            seed=self.seed,
            device=self.device,
            precision=self.precision,
            batch_size=self.batch_size,
            **others,
        )


def with_run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command, in place of its keyword `run`, the options of `RunOptions`."""
    return with_shared_options(command, "run", RunOptions, lambda run, given: run)
