"""Train a model of your own and segment with it: dataset, training, guidance, mask.

python examples/own_model.py --out own

The defaults are those of a smoke test: they show the way in a minute or so, and the model learns
next to nothing. docs/tutorial-own-model.md goes the same way on the command line and says how
large each number should be.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import anofpdm
from anofpdm.datasets import SliceDataset
from anofpdm.scans.preprocessing_config import PreprocessingConfig
from anofpdm.synthetic.dataset import build_phantom_dataset
from anofpdm.training import TrainingConfig, train


def main(arguments: list[str] | None = None) -> None:
    """From labelled slices to the mask of a scan that the model has never seen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="new folder for all that is made")
    parser.add_argument("--subjects", type=int, default=6, help="phantoms to learn from")
    parser.add_argument("--size", type=int, default=32, help="pixels a side of a slice")
    parser.add_argument("--steps", type=int, default=50, help="training steps")
    parser.add_argument("--spacing", type=float, nargs=3, default=(2, 2, 6), help="of the new scan")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True)

    # 1. A dataset of slices, each labelled healthy or unhealthy. Phantoms stand in for patients;
    #    `anofpdm prepare` makes such a dataset from scans. The first subject is held out.
    slices = options.out / "slices.zarr"
    config = PreprocessingConfig(size=options.size, extent_mm=208)
    build_phantom_dataset(slices, range(5, 5 + options.subjects), config, workers=1)
    dataset = SliceDataset.open(slices)

    # 2. Train a network to draw slices of either class. It sees labels, never a lesion's outline.
    training = TrainingConfig.model_validate(
        {
            "steps": options.steps,
            "batch_size": 8,
            "lr": 1e-3,
            "warmup_steps": 10,
            "ema_decay": 0.9,
            "validation_slices": 8,
            "accuracy_slices": 8,
            "network": {
                "image_size": options.size,
                "in_channels": 1,
                "base_channels": 8,
                "channel_multipliers": [1, 2],
                "blocks_per_level": 1,
                "attention_resolutions": [options.size // 2],
            },
            "bundle": {"name": "own", "description": "Made by examples/own_model.py."},
        }
    )
    trained = train(training, dataset, options.out / "run", device="cpu")
    assert trained.bundle is not None  # it is when training was not stopped early
    bundle = anofpdm.load_bundle(trained.bundle)

    # 3. Choose the guidance and the thresholds on the held-out subject, from its slice labels.
    report = anofpdm.select_guidance(bundle, dataset, candidates=(1, 4, 16), steps=8)
    own = bundle.with_calibration(report.calibration)
    own.save(options.out / "own")
    print(f"Guidance {report.calibration.guidance:g}; the model: {options.out / 'own'}")

    # 4. Segment a scan that the model has not seen.
    phantom = anofpdm.make_phantom(700_004, spacing=options.spacing)
    analysis = anofpdm.analyze(phantom.volumes, own)
    result = anofpdm.interpret(analysis, analysis.default_settings())
    native = anofpdm.to_native(analysis, result)
    anofpdm.write_nifti(options.out / "mask.nii.gz", native.mask, phantom.lesion, "uint8")
    print(f"The mask: {options.out / 'mask.nii.gz'}, {native.mask.sum()} voxels marked.")


if __name__ == "__main__":
    main()
