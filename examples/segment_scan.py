"""Segment one scan and write the mask and the map on the scan's own voxels.

python examples/segment_scan.py --scan flair.nii.gz --out results
python examples/segment_scan.py --out results    # a synthetic subject
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import anofpdm


def main(arguments: list[str] | None = None) -> None:
    """Read, analyse, interpret, bring back, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scan", type=Path, help="brain-extracted FLAIR (default: a phantom)")
    parser.add_argument("--out", type=Path, required=True, help="folder for mask and map")
    parser.add_argument("--bundle", default="flair-synth", help="the model")
    parser.add_argument("--seed", type=int, default=700_004, help="of the phantom")
    parser.add_argument("--spacing", type=float, nargs=3, default=(2, 2, 6), help="its voxels, mm")
    parser.add_argument("--steps", type=int, help="noise levels (default: the calibration's)")
    options = parser.parse_args(arguments)

    # 1. Read. Any orientation and voxel size will do.
    if options.scan:
        scan = anofpdm.read_volume(options.scan, modality="flair")
    else:
        scan = anofpdm.make_phantom(options.seed, spacing=options.spacing).volumes["flair"]

    # 2. Analyse: the network, once. This is the expensive half.
    bundle = anofpdm.load_bundle(options.bundle)
    analysis = anofpdm.analyze({"flair": scan}, bundle, steps=options.steps)

    # 3. Interpret: no network. These are the settings that the model was calibrated with.
    result = anofpdm.interpret(analysis, analysis.default_settings())
    print(f"{(~result.healthy).sum()} of {len(result.mask)} slices look unhealthy.")

    # 4. Back from the network's grid to the voxels of the scan.
    native = anofpdm.to_native(analysis, result)
    volume_ml = native.mask.sum() * abs(np.linalg.det(scan.affine[:3, :3])) / 1000
    print(f"Marked: {volume_ml:.1f} ml.")

    # 5. Write, with the scan's own header geometry.
    options.out.mkdir(parents=True, exist_ok=True)
    mask, anomaly_map = options.out / "mask.nii.gz", options.out / "anomaly_map.nii.gz"
    anofpdm.write_nifti(mask, native.mask, scan, np.uint8)
    anofpdm.write_nifti(anomaly_map, native.anomaly_map, scan, np.float32)
    print(f"Written: {mask}, {anomaly_map}")


if __name__ == "__main__":
    main()
