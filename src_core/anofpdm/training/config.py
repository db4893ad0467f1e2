"""The configuration of a training run, as one validated value; read from TOML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from anofpdm.common.errors import SettingsError
from anofpdm.common.pointer_files import missing_content
from anofpdm.common.reading import reading, toml_values
from anofpdm.common.validation import validated
from anofpdm.method.schedule import NoiseSchedule
from anofpdm.model.unet_config import UNetConfig
from anofpdm.training.data.augmentation_config import Augmentation
from anofpdm.training.data.phantom_config import PhantomDraws

Count = Annotated[int, Field(ge=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
_REMEDY: Final = "correct the file"


class BundleTexts(BaseModel):
    """Texts of the resulting bundle; see `BundleMetadata` for the fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = "untitled"
    version: str = "0.1.0"
    description: str = "A model trained with anofpdm."
    authors: str = ""
    intended_use: str = "Research only; not for clinical use."
    data_source: str = ""
    licence: str = ""
    copyright: str = ""
    references: tuple[str, ...] = ()


class TrainingConfig(BaseModel):
    """A training run; the defaults are the published ones (appendix B).

    Attributes
    ----------
    network : UNetConfig
        Architecture.
    schedule : NoiseSchedule
        Noise levels.
    steps : int
        Optimizer steps; a resumed run may change it.
    batch_size : int
        Slices per step, all processes together.
    accumulation : int
        Number of parts in which each process handles its share of a batch: that many times
        less memory, and the same step up to rounding and dropout.
    compile : bool
        Compile the network with torch.compile: minutes at the start, then faster steps.
    lr, lr_schedule, warmup_steps
        Peak learning rate; whether it stays constant or falls linearly to zero at the end; number
        of steps over which it first rises linearly.
    betas, weight_decay, grad_clip
        AdamW's parameters, and the largest gradient norm (None: unlimited).
    ema_decay : float
        Decay of the weights' moving average, approached as (1 + k) / (10 + k).
    min_snr_gamma : float, optional
        Weights the loss at t by min(SNR_t, gamma) / SNR_t, divided by its mean; SNR_t =
        alpha_bar_t / (1 - alpha_bar_t). See Hang et al., "Efficient Diffusion Training via Min-SNR
        Weighting Strategy", ICCV 2023. With a gamma of 1 or more, low noise levels do not dominate
        the loss. With a small gamma, errors of x0 have equal weight up to SNR_t = gamma, so that
        high noise, where the label matters most, is learned sooner. None weights all t equally.
    max_timestep : int, optional
        Largest t that is trained, for models whose forward process ends before T; None trains all.
    null_label_probability : float
        Share of labels replaced by null, for classifier-free guidance.
    unhealthy_fraction : float, optional
        Share of unhealthy slices in the batches; None keeps the dataset's own share.
    twins : bool
        Pair each unhealthy slice with its twin, the same slice without its lesion, if the dataset
        has one (synthetic datasets do), with the same t, noise, augmentation and null draw. The
        label's effect is then learned with less variance. Needs an `unhealthy_fraction` of at most
        0.5.
    faintest_lesion : float
        With `twins`: three in four unhealthy slices are blended with their twin, keeping a share s
        of the difference, with log s uniform in log `faintest_lesion`..0. If a lesion is visible
        through the noise, the network does not need its label; faint lesions make the label
        informative at every noise level.
    lesion_weight : float
        With `twins`: how often the loss counts a pixel in which an unhealthy slice and its twin
        differ, in both. Only there can the network learn what the label means. Where they differ
        is known from the twins alone, so real data, which have none, train without it.
    counterfactual_fraction : float
        With `twins`: share of the twins that are shown as their unhealthy slice, under the label
        healthy, and must be predicted without the lesion. Otherwise training never shows a lesion
        under that label, as segmenting does at every step, and the network has to extrapolate.
        Null labels stay with the slice as it is. Real data, which have no twins, train without it.
    precision : {"float32", "bfloat16"}
        bfloat16 runs the network under autocast; weights and loss stay float32.
    seed : int
        Seed of initial weights, data order, noise, timesteps, dropout and augmentation.
    augmentation : Augmentation
        Random changes of the images.
    phantoms : PhantomDraws, optional
        Draw the training slices afresh from synthetic subjects, as the dataset's own were made;
        its train split is then not read. None trains on the dataset.
    log_every, validate_every, checkpoint_every : int
        Steps between lines of events.jsonl, held-out losses and checkpoints.
    validation_slices : int
        Held-out slices in that loss.
    accuracy_slices : int
        Labelled held-out slices that are classified with each held-out loss, half of them unhealthy
        if there are enough; 0 turns it off. Each takes about 20 evaluations of the network.
    samples : int
        Held-out slices in the picture of predictions drawn with each held-out loss; 0 turns it off.
    tensorboard : bool
        Also write losses and pictures for TensorBoard (needs the package's extra `train`).
    keep_checkpoints : int
        Number of latest checkpoints kept, in addition to the one with the lowest held-out loss.
    bundle_from : {"last", "best"}
        The checkpoint that becomes the bundle: the last, or the one with the lowest held-out loss.
    bundle : BundleTexts
        Name, licence and other texts of the resulting bundle.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    network: UNetConfig = Field(default_factory=lambda: UNetConfig.reference(heads=2))
    schedule: NoiseSchedule = NoiseSchedule()
    steps: Count = 210_000
    batch_size: Count = 64
    accumulation: Count = 1
    compile: bool = False
    lr: Annotated[float, Field(gt=0, le=1)] = 1e-4
    lr_schedule: Literal["constant", "linear"] = "constant"
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (
        0.9,
        0.999,
    )
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    grad_clip: Annotated[float, Field(gt=0)] | None = None
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.9999
    min_snr_gamma: Annotated[float, Field(gt=0)] | None = None
    max_timestep: Count | None = None
    null_label_probability: Probability = 0.1
    unhealthy_fraction: Probability | None = None
    twins: bool = False
    faintest_lesion: Annotated[float, Field(gt=0, le=1)] = 1.0
    lesion_weight: Annotated[float, Field(ge=1)] = 1.0
    counterfactual_fraction: Probability = 0.0
    precision: Literal["float32", "bfloat16"] = "float32"
    seed: Annotated[int, Field(ge=0)] = 0
    augmentation: Augmentation = Augmentation()
    phantoms: PhantomDraws | None = None
    log_every: Count = 50
    validate_every: Count = 1000
    checkpoint_every: Count = 1000
    validation_slices: Count = 64
    accuracy_slices: Annotated[int, Field(ge=0)] = 64
    samples: Annotated[int, Field(ge=0, le=16)] = 4
    tensorboard: bool = False
    keep_checkpoints: Count = 2
    bundle_from: Literal["last", "best"] = "last"
    bundle: BundleTexts = BundleTexts()

    @model_validator(mode="after")
    def _room_for_twins(self) -> Self:
        if self.twins and not 0 < (self.unhealthy_fraction or 0) <= 0.5:
            raise ValueError("twins needs an unhealthy_fraction above 0 and at most 0.5")
        if self.faintest_lesion < 1 and not self.twins:
            raise ValueError("faintest_lesion needs twins = true")
        if self.lesion_weight > 1 and not self.twins:
            raise ValueError("lesion_weight needs twins = true")
        if self.counterfactual_fraction > 0 and not self.twins:
            raise ValueError("counterfactual_fraction needs twins = true")
        return self

    @property
    def compares_twins(self) -> bool:
        """Whether a step needs to know what unhealthy slices and their twins differ in."""
        return self.lesion_weight > 1 or self.counterfactual_fraction > 0

    @classmethod
    def from_toml(cls, path: str | Path, **overrides: Any) -> Self:
        """Read a run's configuration from a TOML file.

        Parameters
        ----------
        path : str or Path
            File whose keys are this class's; `[network]` and `[augmentation]` are tables.
        **overrides
            Values that replace the file's.

        Raises
        ------
        SettingsError
            When the file cannot be read or a value does not fit.
        """
        if (fault := missing_content(path)) is not None:
            raise SettingsError(fault)
        values = toml_values(path, _REMEDY)
        with reading(path, SettingsError, _REMEDY):
            return validated(cls, values | overrides, where=str(path))


def lr_factor(config: TrainingConfig, step: int, fraction: float) -> float:
    """Share of `config.lr` used at a step.

    Parameters
    ----------
    config : TrainingConfig
        The run.
    step : int
        0 for the first.
    fraction : float
        Part of the run that is over, 0..1, by steps or by time.

    Returns
    -------
    float
        In [0, 1].
    """
    factor = min(1.0, (step + 1) / (config.warmup_steps + 1))
    if config.lr_schedule == "linear":
        factor *= max(0.0, 1.0 - fraction)
    return factor
