"""The analysis of a whole scan."""

from __future__ import annotations

import time

import numpy as np
import torch

from gpu_parts.bench import Bench
from gpu_parts.ways import plain, random_network


def analyze(bench: Bench) -> None:
    """Analyse a whole scan of four modalities by the published network."""
    import anofpdm
    from anofpdm.model.bundle import ModelBundle
    from anofpdm.model.bundle_metadata import BundleMetadata

    known = anofpdm.load_bundle("flair-synth").metadata
    names = ("flair", "t1", "t1ce", "t2")
    changes = {
        "network": bench.published,
        "modalities": names,
        "scored": ("flair", "t2"),
        "preprocessing": known.preprocessing.model_copy(
            update={"size": bench.published.image_size}
        ),
        "calibration": None,
        "max_timestep": None,
        "name": "published",
        "training": {},
    }
    metadata = BundleMetadata.model_validate(dict(known) | changes)
    network = random_network(bench.published, torch.device("cpu"))
    bundle = ModelBundle.create(metadata, network.state_dict(), "float16")
    shape = (240, 240, 155) if bench.cuda else (60, 60, 12)
    axes = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij")
    brain = sum((a / r) ** 2 for a, r in zip(axes, (0.6, 0.75, 0.95), strict=True)) < 1
    random = np.random.default_rng(0)
    affine = np.diag([-1.0, -1.0, 1.0, 1.0])
    scans = {
        name: anofpdm.Volume(
            data=(brain * random.uniform(300, 600, shape)).astype("f4"),
            affine=affine,
            modality=name,
        )
        for name in names
    }
    steps = 30 if bench.cuda else 2

    def run(name: str, steps: int) -> None:
        bench.reset_memory()
        start = time.perf_counter()
        found = anofpdm.analyze(
            scans, bundle, steps=steps, t_max=600, device=str(bench.device), precision="float16"
        )
        whole = time.perf_counter() - start
        evaluations = 2 * len(found) * steps
        bench.row(
            "analyze", name, slices=len(found), steps=steps, seconds=whole,
            network_seconds=found.metadata.seconds,
            evaluations_per_second=evaluations / found.metadata.seconds, memory_gib=bench.memory(),
        )  # fmt: skip

    run("float16, as the program does", steps)
    with plain():
        run("float16 weights, plain", max(2, steps // 5))
