"""The U-Net's architecture as validated data; needs no torch."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

PositiveInt = Annotated[int, Field(ge=1)]
# Beyond any network that was published or could be trained here; a description beyond them would
# keep its reader busy with building it.
Side = Annotated[int, Field(ge=1, le=1024)]
Width = Annotated[int, Field(ge=1, le=1024)]
Multiplier = Annotated[int, Field(ge=1, le=32)]
Blocks = Annotated[int, Field(ge=1, le=16)]
MOST_LEVELS = 10

# The published network's multipliers by image size (REFERENCE: the method's authors, version 2).
REFERENCE_MULTIPLIERS: dict[int, tuple[int, ...]] = {
    64: (1, 2, 3, 4),
    128: (1, 1, 2, 3, 4),
    256: (1, 1, 2, 2, 4, 4),
}
REFERENCE_ATTENTION = (32, 16, 8)
REFERENCE_GROUPS = 32
CHANNELS_PER_GROUP = 8
MIN_TIME_FEATURES = 64


class UNetConfig(BaseModel):
    """Architecture of the class-conditional U-Net.

    Parameters
    ----------
    image_size : int
        Rows and columns of the (square) network image, in pixels.
    in_channels : int
        Modalities stacked; the predicted noise has as many channels.
    base_channels : int
        Width of the first level: a multiple of 32 in ``reference``, of 8 in ``added``.
    channel_multipliers : tuple of int
        Width of each level over `base_channels`; every further level halves the resolution.
    blocks_per_level : int or tuple of int
        Residual blocks on the way down (one more on the way up), for all levels or level by level.
    attention_resolutions : tuple of int
        Resolutions of the *processed* grid (image size over patch size, then halved) that carry
        attention after each residual block.
    heads : int
        Attention heads; must divide the width at every level with attention.
    dropout : float
        Dropout probability inside residual blocks, in [0, 1).
    patch_size : int
        p: p x p pixels are folded into channels before the first convolution and unfolded after
        the last, so the finest level works at ``image_size / p``. 1 switches it off.
    conditioning : {"reference", "added"}
        ``reference``: the published network, into which its checkpoints load strictly.
        ``added``: time and label embeddings summed, plain self-attention, activations before
        every 3x3 convolution.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    image_size: Side
    in_channels: Annotated[int, Field(ge=1, le=64)]
    base_channels: Width
    channel_multipliers: Annotated[
        tuple[Multiplier, ...], Field(min_length=1, max_length=MOST_LEVELS)
    ]
    blocks_per_level: Blocks | Annotated[tuple[Blocks, ...], Field(max_length=MOST_LEVELS)] = 2
    attention_resolutions: Annotated[tuple[PositiveInt, ...], Field(max_length=4 * MOST_LEVELS)] = (
        REFERENCE_ATTENTION
    )
    heads: Width = 4
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    patch_size: Annotated[int, Field(ge=1, le=64)] = 1
    conditioning: Literal["reference", "added"] = "added"

    @classmethod
    def reference(
        cls, image_size: int = 128, in_channels: int = 4, *, heads: int = 4, dropout: float = 0.1
    ) -> Self:
        """Return the published configuration at 64, 128 or 256 pixels.

        Raises
        ------
        ValueError
            When no multipliers were published for `image_size`.
        """
        if image_size not in REFERENCE_MULTIPLIERS:
            known = ", ".join(map(str, REFERENCE_MULTIPLIERS))
            raise ValueError(f"the published network exists for {known} pixels, not {image_size}")
        return cls(
            image_size=image_size,
            in_channels=in_channels,
            base_channels=128,
            channel_multipliers=REFERENCE_MULTIPLIERS[image_size],
            heads=heads,
            dropout=dropout,
            conditioning="reference",
        )

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level, finest first."""
        return tuple(self.base_channels * m for m in self.channel_multipliers)

    @property
    def blocks(self) -> tuple[int, ...]:
        """Residual blocks of each level on the way down, finest first."""
        if isinstance(self.blocks_per_level, int):
            return (self.blocks_per_level,) * len(self.channel_multipliers)
        return self.blocks_per_level

    @property
    def resolutions(self) -> tuple[int, ...]:
        """Rows (= columns) of each level's feature maps, finest first."""
        finest = self.image_size // self.patch_size
        return tuple(finest >> level for level in range(len(self.channel_multipliers)))

    @property
    def time_features(self) -> int:
        """Width of the sinusoidal embedding of the timestep's index."""
        if self.conditioning == "reference":
            return self.base_channels
        return max(self.base_channels, MIN_TIME_FEATURES)

    @property
    def embedding_channels(self) -> int:
        """Width of the embedding that conditions every residual block."""
        return 4 * self.time_features

    def groups(self, channels: int) -> int:
        """Group-norm groups: 32, or in ``added`` as many as leave each 8 of the `channels`."""
        if self.conditioning == "reference":
            return REFERENCE_GROUPS
        most = min(REFERENCE_GROUPS, max(1, channels // CHANNELS_PER_GROUP))
        return next(g for g in range(most, 0, -1) if channels % g == 0)

    def at_size(self, image_size: int) -> Self:
        """Return the network with the same weights that reads slices of another size.

        Attention stays at the levels where it is.

        Raises
        ------
        pydantic.ValidationError
            When the levels do not divide `image_size`.
        """
        finest = image_size // self.patch_size
        levels = [k for k, r in enumerate(self.resolutions) if r in self.attention_resolutions]
        fields = self.model_dump() | {
            "image_size": image_size,
            "attention_resolutions": tuple(finest >> level for level in levels),
        }
        return type(self)(**fields)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        unit = REFERENCE_GROUPS if self.conditioning == "reference" else CHANNELS_PER_GROUP
        if self.base_channels % unit:
            raise ValueError(
                f"base_channels must be a multiple of {unit} with conditioning "
                f"'{self.conditioning}', not {self.base_channels}"
            )
        levels = len(self.channel_multipliers)
        if len(self.blocks) != levels:
            raise ValueError(
                f"blocks_per_level has {len(self.blocks)} levels, channel_multipliers {levels}"
            )
        step = self.patch_size << (levels - 1)
        if self.image_size % step:
            raise ValueError(
                f"image_size must be a multiple of {step} (patch size {self.patch_size}, {levels} "
                f"levels), not {self.image_size}"
            )
        if self.conditioning == "reference" and self.patch_size != 1:
            raise ValueError("the reference network has patch_size 1")
        for width, resolution in zip(self.widths, self.resolutions, strict=True):
            if resolution in self.attention_resolutions and width % self.heads:
                raise ValueError(
                    f"{self.heads} heads do not divide the {width} channels at resolution "
                    f"{resolution}"
                )
        if self.widths[-1] % self.heads:
            raise ValueError(
                f"{self.heads} heads do not divide the {self.widths[-1]} channels of the middle "
                "block"
            )
        return self
