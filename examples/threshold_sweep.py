"""Try many thresholds on one analysis: the network runs once, each threshold takes a moment.

python examples/threshold_sweep.py --scan flair.nii.gz --truth lesion.nii.gz
python examples/threshold_sweep.py    # a synthetic subject, whose truth is known
"""

from __future__ import annotations

import argparse
from pathlib import Path

import anofpdm
from anofpdm.method.settings import AbsoluteThreshold
from anofpdm.results.metrics import dice


def main(arguments: list[str] | None = None) -> None:
    """Print the marked volume, and DICE where the truth is known, for each threshold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scan", type=Path, help="brain-extracted FLAIR (default: a phantom)")
    parser.add_argument("--truth", type=Path, help="the lesions of --scan, if they are known")
    parser.add_argument("--bundle", default="flair-synth", help="the model")
    parser.add_argument("--seed", type=int, default=700_004, help="of the phantom")
    parser.add_argument("--spacing", type=float, nargs=3, default=(2, 2, 6), help="its voxels, mm")
    parser.add_argument("--steps", type=int, help="noise levels (default: the calibration's)")
    parser.add_argument("--thresholds", type=float, nargs="+", default=(0.6, 0.9, 1.2, 1.5, 2, 3))
    options = parser.parse_args(arguments)

    if options.scan:
        scan = anofpdm.read_volume(options.scan, modality="flair")
        truth = anofpdm.read_volume(options.truth) if options.truth else None
    else:
        phantom = anofpdm.make_phantom(options.seed, healthy=False, spacing=options.spacing)
        scan, truth = phantom.volumes["flair"], phantom.lesion

    analysis = anofpdm.analyze({"flair": scan}, options.bundle, steps=options.steps)
    calibrated = analysis.default_settings()
    voxel_ml = analysis.geometry.voxel_volume_ml

    print("threshold     ml   DICE")
    for value in options.thresholds:
        # Only the threshold changes; guidance, polarity and the rest stay as calibrated. Without
        # the gate the threshold alone decides which slices show something.
        settings = calibrated.model_copy(
            update={"threshold": AbsoluteThreshold(value=value), "gate": False}
        )
        mask = anofpdm.to_native(analysis, anofpdm.interpret(analysis, settings)).mask
        score = "    -" if truth is None else f"{dice(mask, truth.data > 0):5.3f}"
        print(f"{value:9.2f}  {mask.sum() * voxel_ml:5.1f}  {score}")


if __name__ == "__main__":
    main()
