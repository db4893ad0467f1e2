"""A model bundle: validated metadata and safetensors weights, and the network made of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import ValidationError

from anofpdm.common.errors import BundleError, SettingsError
from anofpdm.common.reading import one_line, reading
from anofpdm.common.validation import sentence
from anofpdm.method.schedule import strided_timesteps
from anofpdm.model.bundle_files import (
    METADATA_FILE,
    WEIGHTS_FILE,
    BundleFiles,
    read_files,
    weight_shapes,
    write_files,
)
from anofpdm.model.bundle_metadata import BundleMetadata
from anofpdm.model.precision import (
    Precision,
    ResolvedPrecision,
    cast_for_inference,
    float32_products,
    resolve_precision,
)
from anofpdm.model.registry import resolve

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from anofpdm.method.calibration import Calibration
    from anofpdm.method.forward_process import NoisePredictor
    from anofpdm.method.schedule import NoiseSchedule
    from anofpdm.model.unet import UNet


@dataclass(frozen=True)
class ModelBundle:
    """A trained model with all it needs: weights, architecture, preprocessing, calibration.

    Attributes
    ----------
    metadata : BundleMetadata
        The validated metadata.json; its `weights_sha256` matches `weights`.
    weights : bytes
        The contents of weights.safetensors (float16 to float64; computed with in float32).
    path : Path or None
        Where it was loaded from or last saved to.
    texts : Mapping of str to bytes
        Readme, licence, data sheet, by file name.
    """

    metadata: BundleMetadata
    weights: bytes = field(repr=False)
    path: Path | None = None
    texts: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @classmethod
    def create(
        cls,
        metadata: BundleMetadata,
        state_dict: Mapping[str, Tensor],
        dtype: Literal["float16", "float32"] = "float32",
    ) -> Self:
        """Make a bundle from trained weights.

        Parameters
        ----------
        metadata : BundleMetadata
            Its `weights_sha256` is filled in here.
        state_dict : Mapping of str to Tensor
            Weights of ``UNet(metadata.network)``, names and shapes as there.
        dtype : {"float16", "float32"}
            What they are stored as; float16 halves the file.

        Raises
        ------
        BundleError
            When the weights do not fit the network, or are not finite in `dtype`.
        """
        import torch
        from safetensors.torch import save

        target = getattr(torch, dtype)
        weights = save({name: w.to("cpu", target).contiguous() for name, w in state_dict.items()})
        digest = hashlib.sha256(weights).hexdigest()
        bundle = cls(metadata.model_copy(update={"weights_sha256": digest}), weights)
        bundle.network("cpu")
        return bundle

    @property
    def name(self) -> str:
        """The model's name."""
        return self.metadata.name

    @property
    def hash(self) -> str:
        """sha256 over the metadata (canonical JSON), which holds the hash of the weights."""
        return self.metadata.fingerprint

    @cached_property
    def weight_shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Names and shapes of the stored tensors.

        Raises
        ------
        BundleError
            When `weights` is no safetensors file, or holds other than float tensors.
        """
        return weight_shapes(self.weights, self._source)

    @property
    def schedule(self) -> NoiseSchedule:
        """The noise schedule of the training."""
        return self.metadata.schedule

    def timesteps(self, steps: int, t_max: int) -> tuple[int, ...]:
        """Return a strided grid of timesteps within those the weights were trained on.

        Raises
        ------
        SettingsError
            When `steps` or `t_max` is out of range.
        """
        last = self.metadata.max_timestep
        if last is not None and t_max > last:
            raise SettingsError(
                f"The model {self.name} was trained up to timestep {last}, so a t-max of {t_max} "
                f"is too high; choose {last} or less."
            )
        return strided_timesteps(steps, t_max, self.schedule.num_steps)

    def network(self, device: str | torch.device = "cpu") -> UNet:
        """Build the network in float32 and evaluation mode.

        Raises
        ------
        BundleError
            When a weight is missing, unknown, of another shape, or not finite.
        """
        import torch
        from safetensors.torch import load

        from anofpdm.model.unet import UNet

        with torch.device("meta"):  # shapes alone, until the weights are known to have them
            network = UNet(self.metadata.network)
        self._check_shapes({name: tuple(w.shape) for name, w in network.state_dict().items()})
        with reading(self._source, BundleError, "copy or create the bundle again"):
            stored = load(self.weights)
        weights = {name: weight.to(torch.float32, copy=True) for name, weight in stored.items()}
        for name, weight in weights.items():
            if not torch.isfinite(weight).all():
                raise BundleError(
                    f"{self._source} has values in {name} that are not finite; train or copy the "
                    "model again."
                )
        network.load_state_dict(weights, assign=True)
        return network.to(device).eval().requires_grad_(False)

    def precision_on(self, precision: Precision, device: str | torch.device) -> ResolvedPrecision:
        """Return the precision that a name means for this model on a device.

        Raises
        ------
        DeviceError
            When the device cannot compute in the precision asked for.
        """
        calibration = self.metadata.calibration
        return resolve_precision(
            precision, str(device), None if calibration is None else calibration.guidance
        )

    def predictor(
        self, device: str | torch.device = "cpu", precision: Precision = "float32"
    ) -> NoisePredictor:
        """Return the network as a noise predictor for the forward process.

        Parameters
        ----------
        device : str or torch.device
            Where the network stands and its inputs come from.
        precision : {"auto", "float32", "tf32", "float16", "bfloat16"}
            See `precision_on`. In half precision the weights are cast once; norms, embeddings
            and the predicted noise are float32 in all.

        Raises
        ------
        BundleError
            When the weights do not fit the network.
        DeviceError
            When the device cannot compute in the precision asked for.
        """
        import torch

        resolved = self.precision_on(precision, device)
        network = self.network(device)
        cast_for_inference(network, resolved)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

        def predict(x: Tensor, index: Tensor, label: Tensor) -> Tensor:
            with torch.no_grad(), float32_products(resolved):
                noise: Tensor = network(x, index, label)
            return noise.float()

        return predict

    def with_calibration(self, calibration: Calibration | None) -> Self:
        """Return the same model with another calibration.

        Raises
        ------
        BundleError
            When the calibration does not fit the model (number of scored modalities, t_max).
        """
        try:
            metadata = BundleMetadata.model_validate(
                dict(self.metadata) | {"calibration": calibration}
            )
        except ValidationError as error:
            raise BundleError(sentence(error, f"The calibration for {self.name}")) from error
        return replace(self, metadata=metadata)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Self:
        """Write the bundle, as one zip where `path` ends in .zip, else as a folder.

        Returns
        -------
        ModelBundle
            The same bundle, with its new path.

        Raises
        ------
        OutputError
            When `path` exists and `overwrite` is false, is something else than a bundle, or cannot
            be written; nothing is left behind.
        """
        target = Path(path)
        files = BundleFiles(self.metadata.to_json().encode(), self.weights, self.texts)
        write_files(target, files, overwrite=overwrite)
        return replace(self, path=target)

    @property
    def _source(self) -> str:
        return f"{self.path / WEIGHTS_FILE}" if self.path else f"The bundle {self.name}"

    def _check_shapes(self, expected: Mapping[str, tuple[int, ...]]) -> None:
        found = self.weight_shapes
        for name in sorted(expected.keys() - found.keys()):
            raise BundleError(f"{self._source} lacks the weight {name}; create the bundle again.")
        for name in sorted(found.keys() - expected.keys()):
            raise BundleError(
                f"{self._source} has the weight {one_line(name)}, which the network in "
                f"{METADATA_FILE} does not have; create the bundle again."
            )
        for name, shape in expected.items():
            if found[name] != shape:
                raise BundleError(
                    f"{self._source} has {name} with shape {found[name]}, but the network in "
                    f"{METADATA_FILE} has {shape}; create the bundle again."
                )


def load_bundle(name_or_path: str | os.PathLike[str]) -> ModelBundle:
    """Load a bundle by its registered name or its path, and verify it.

    Nothing is ever unpickled; the weights must have the hash that the metadata records.

    Parameters
    ----------
    name_or_path : str or Path
        A name from `list_bundles` (for instance ``flair-synth``), a folder, or a zip.

    Raises
    ------
    BundleError
        When the name is unknown, a file is missing, foreign, altered or cut off, or the metadata
        are not valid.
    """
    path = resolve(name_or_path)
    files = read_files(path)
    metadata = BundleMetadata.parse(files.metadata, str(path / METADATA_FILE))
    bundle = ModelBundle(metadata, files.weights, path, files.texts)
    _ = bundle.weight_shapes
    digest = hashlib.sha256(files.weights).hexdigest()
    if digest != metadata.weights_sha256:
        raise BundleError(
            f"{path / WEIGHTS_FILE} has the sha256 {digest[:12]}, but {METADATA_FILE} records "
            f"{metadata.weights_sha256[:12] or 'none'}: it was altered or damaged; copy it again."
        )
    return bundle
