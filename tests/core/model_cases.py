"""Small networks for the tests of the model."""

from __future__ import annotations

from anofpdm.model.unet_config import UNetConfig


def reference_config(**changes: object) -> UNetConfig:
    """A small network of the reference's kind."""
    fields: dict[str, object] = {
        "image_size": 16,
        "in_channels": 2,
        "base_channels": 32,
        "channel_multipliers": (1, 2),
        "blocks_per_level": 1,
        "attention_resolutions": (8,),
        "heads": 2,
        "conditioning": "reference",
    }
    return UNetConfig.model_validate(fields | changes)
