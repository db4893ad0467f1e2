from __future__ import annotations

import math
from typing import TypeVar

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from anofpdm.model.unet import UNet
from anofpdm.model.unet_blocks import (
    LabelAttention,
    ResidualBlock,
    SelfAttention,
    sinusoidal_embedding,
)
from anofpdm.model.unet_config import UNetConfig
from tests.core import reference_oracle as oracle
from tests.core.model_cases import reference_config

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def randomised(module: ModuleT, seed: int = 0, scale: float = 0.15) -> ModuleT:
    """Give every parameter a value, the zero-initialised ones too, in float64."""
    generator = torch.Generator().manual_seed(seed)
    module.double().eval()
    for parameter in module.parameters():
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        parameter.data.copy_(scale * noise)
    return module


def tiny_reference(**changes: object) -> UNetConfig:
    return reference_config(**{"blocks_per_level": 2, **changes})


def tiny_added(**changes: object) -> UNetConfig:
    fields: dict[str, object] = {
        "image_size": 16,
        "in_channels": 1,
        "base_channels": 8,
        "channel_multipliers": (1, 2),
        "blocks_per_level": (1, 2),
        "attention_resolutions": (4,),
        "heads": 2,
        "patch_size": 2,
    }
    return UNetConfig.model_validate(fields | changes)


def inputs(config: UNetConfig, batch: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(7)
    shape = (batch, config.in_channels, config.image_size, config.image_size)
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    return x, torch.tensor([0, 37, 999])[:batch], torch.tensor([0, 1, 2])[:batch]


@pytest.mark.parametrize(
    ("size", "levels"), [(64, (1, 2, 3, 4)), (128, (1, 1, 2, 3, 4)), (256, (1, 1, 2, 2, 4, 4))]
)
def test_published_multipliers(size: int, levels: tuple[int, ...]) -> None:
    config = UNetConfig.reference(size)
    assert config.channel_multipliers == levels
    assert [r for r in config.resolutions if r in config.attention_resolutions] == [32, 16, 8]


def test_published_network_has_its_tensors_and_parameters() -> None:
    with torch.device("meta"):
        state = UNet(UNetConfig.reference(128, in_channels=4)).state_dict()
    assert len(state) == 465
    assert round(sum(weight.numel() for weight in state.values()) / 1e6, 2) == 103.08
    expected = {
        "time_embed.2.weight": (512, 512),
        "label_emb.weight": (2, 128),
        "class_emb.0.weight": (512, 128),
        "input_blocks.0.0.weight": (128, 4, 3, 3),
        "input_blocks.3.0.op.weight": (128, 128, 3, 3),
        "input_blocks.7.0.emb_layers.1.weight": (512, 512),
        "input_blocks.7.0.skip_connection.weight": (256, 128, 1, 1),
        "input_blocks.7.1.encoder_kv.weight": (512, 512, 1),
        "middle_block.1.qkv.weight": (1536, 512, 1),
        "output_blocks.0.0.in_layers.2.weight": (512, 1024, 3, 3),
        "output_blocks.2.2.conv.weight": (512, 512, 3, 3),
        "output_blocks.11.1.conv.weight": (128, 128, 3, 3),
        "output_blocks.14.0.out_layers.3.weight": (128, 128, 3, 3),
        "out.2.weight": (4, 128, 3, 3),
    }
    assert {name: tuple(state[name].shape) for name in expected} == expected
    assert "output_blocks.14.1.conv.weight" not in state


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_reference_equals_the_network_spelled_out(heads: int) -> None:
    config = tiny_reference(heads=heads)
    network = randomised(UNet(config))
    x, index, label = inputs(config)
    with torch.no_grad():
        noise = network(x, index, label)
        expected = oracle.predict(network.state_dict(), x, index, label, heads)
    # The embedding of time is float32 by definition; all else runs in float64 here.
    torch.testing.assert_close(noise, expected, rtol=1e-4, atol=1e-4 * float(expected.std()))
    assert expected.std() > 0.01


def test_heads_matter() -> None:
    config = tiny_reference()
    network = randomised(UNet(config))
    x, index, label = inputs(config)
    with torch.no_grad():
        other = oracle.predict(network.state_dict(), x, index, label, 4)
        assert (network(x, index, label) - other).abs().max() > 1e-3


def test_sinusoidal_embedding_puts_cosines_first() -> None:
    rows = sinusoidal_embedding(torch.tensor([0, 5]), 4)
    slow = math.exp(-math.log(10000) / 2)
    assert rows[0].tolist() == [1.0, 1.0, 0.0, 0.0]
    expected = [math.cos(5), math.cos(5 * slow), math.sin(5), math.sin(5 * slow)]
    assert rows[1].tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("width", [2, 32, 128])
def test_sinusoidal_embedding_over_all_indices(width: int) -> None:
    index = torch.arange(1000)
    expected = oracle.embed_time(index, width)
    torch.testing.assert_close(
        sinusoidal_embedding(index, width).double(), expected, rtol=0, atol=2e-4
    )


def test_reference_residual_block_scales_before_its_only_activation() -> None:
    config = tiny_reference()
    block = randomised(ResidualBlock(config, 32, 64))
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, 32, 4, 4, generator=generator, dtype=torch.float64)
    embedding = torch.randn(2, 128, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        named = {f"b.{k}": v for k, v in block.state_dict().items()}
        torch.testing.assert_close(block(x, embedding), oracle.residual(named, "b", x, embedding))


def test_label_attention_equals_the_outer_product_spelled_out() -> None:
    block = randomised(LabelAttention(tiny_reference(), 64), scale=0.3)
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(2, 64, 3, 3, generator=generator, dtype=torch.float64)
    code = torch.randn(2, 128, generator=generator, dtype=torch.float64) / 4
    with torch.no_grad():
        named = {f"a.{k}": v for k, v in block.state_dict().items()}
        expected = oracle.attention(named, "a", x, code, heads=2)
        torch.testing.assert_close(block(x, code), expected)


def test_null_label_still_brings_its_tokens() -> None:
    """With a bias of v and no image values, 128 equal tokens outweigh 9 zero ones by count."""
    block = LabelAttention(tiny_reference(heads=1), 32).double()
    for parameter in block.parameters():
        nn.init.zeros_(parameter)
    nn.init.ones_(block.encoder_kv.get_parameter("bias")[32:])
    block.proj_out.weight.data[:, :, 0] = torch.eye(32)
    x = torch.zeros(1, 32, 3, 3, dtype=torch.float64)
    with torch.no_grad():
        out = block(x, torch.zeros(1, 128, dtype=torch.float64))
    torch.testing.assert_close(out, torch.full_like(out, 128 / (128 + 9)))


def test_null_label_is_time_alone() -> None:
    config = tiny_reference()
    network = randomised(UNet(config))
    x, index, _ = inputs(config)
    null = torch.full((3,), 2)
    with torch.no_grad():
        before = network(x, index, null)
        network.label_emb.weight.mul_(3.0)
        network.get_parameter("class_emb.2.bias").add_(1.0)
        after = network(x, index, null)
        assert torch.equal(before, after)
        assert not torch.equal(network(x, index, null - 1), after)


def test_group_norm_is_computed_in_float32() -> None:
    block = SelfAttention(tiny_added(), 16)
    generator = torch.Generator().manual_seed(3)
    x = (300 + torch.randn(2, 16, 8, 8, generator=generator)).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        half = block.norm(x).float()
    exact = block.norm(x.float())
    assert exact.abs().max() > 1
    torch.testing.assert_close(half, exact, rtol=2**-7, atol=2**-7)


def test_added_attention_equals_softmax_spelled_out() -> None:
    block = randomised(SelfAttention(tiny_added(), 16), scale=0.4)
    generator = torch.Generator().manual_seed(4)
    x = torch.randn(2, 16, 2, 3, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        tokens = block.norm(x).flatten(2).transpose(1, 2)
        query, key, value = block.qkv(tokens).chunk(3, dim=-1)
        mixed = torch.empty_like(tokens)
        for head in (slice(0, 8), slice(8, 16)):
            scores = query[..., head] @ key[..., head].transpose(1, 2) / math.sqrt(8)
            mixed[..., head] = torch.softmax(scores, dim=-1) @ value[..., head]
        expected = x + block.proj_out(mixed).transpose(1, 2).reshape(x.shape)
        torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize("patch_size", [1, 2, 4])
def test_added_network_starts_at_zero_and_keeps_the_shape(patch_size: int) -> None:
    config = tiny_added(patch_size=patch_size, image_size=32, in_channels=2)
    x, index, label = inputs(config)
    noise = UNet(config)(x.float(), index, label)
    assert noise.shape == x.shape
    assert noise.dtype == torch.float32
    assert not noise.any()


def test_patches_are_unfolded_where_they_were_folded() -> None:
    """A network that passes its input through must return every pixel to its place."""
    config = tiny_added(base_channels=8, channel_multipliers=(1,), blocks_per_level=1, heads=1)
    network = UNet(config).double().eval()
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    x, index, label = inputs(config)
    hooked: list[Tensor] = []
    network.out.register_forward_hook(lambda *_: hooked[0])
    network.input_blocks[0].register_forward_pre_hook(lambda _, args: hooked.append(args[0]))
    with torch.no_grad():
        assert torch.equal(network(x, index, label), x)
    assert hooked[0].shape == (3, 4, 8, 8)


@pytest.mark.parametrize("config", [tiny_added(), tiny_reference()], ids=["added", "reference"])
def test_slices_do_not_see_each_other(config: UNetConfig) -> None:
    network = randomised(UNet(config))
    x, index, label = inputs(config)
    with torch.no_grad():
        together = network(x, index, label)
        for i in range(3):
            alone = network(x[i : i + 1], index[i : i + 1], label[i : i + 1])
            torch.testing.assert_close(alone[0], together[i])


@pytest.mark.parametrize("config", [tiny_added(), tiny_reference()], ids=["added", "reference"])
def test_time_and_label_reach_the_output_and_all_weights_learn(config: UNetConfig) -> None:
    network = randomised(UNet(config))
    x, index, label = inputs(config)
    noise = network(x, index, label)
    assert not torch.allclose(noise, network(x, index + 1, label))
    assert not torch.allclose(noise, network(x, index, torch.tensor([1, 2, 0])))
    noise.square().sum().backward()
    idle = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


def test_a_label_outside_the_three_is_refused() -> None:
    for config in (tiny_added(), tiny_reference()):
        x, index, _ = inputs(config)
        with pytest.raises(IndexError):
            UNet(config).double()(x, index, torch.tensor([0, 3, 1]))


def test_dropout_acts_in_training_only() -> None:
    network = randomised(UNet(tiny_added(dropout=0.5)))
    x, index, label = inputs(tiny_added())
    with torch.no_grad():
        assert torch.equal(network(x, index, label), network(x, index, label))
        network.train()
        torch.manual_seed(0)
        assert not torch.equal(network(x, index, label), network(x, index, label))


def test_activations_stay_in_channels_last() -> None:
    network = randomised(UNet(tiny_added())).float()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    strayed: list[str] = []
    for name, module in network.named_modules():

        def look(_: object, __: object, out: Tensor, name: str = name) -> None:
            if out.dim() == 4 and not out.is_contiguous(memory_format=torch.channels_last):
                strayed.append(name)

        if name and not isinstance(module, nn.ModuleList):
            module.register_forward_hook(look)
    x, index, label = inputs(tiny_added())
    network(x.float(), index, label)
    assert strayed == []


def test_autocast_returns_the_precision_of_its_input() -> None:
    network = randomised(UNet(tiny_added())).float()
    x, index, label = inputs(tiny_added())
    with torch.no_grad():
        exact = network(x.float(), index, label)
        with torch.autocast("cpu", torch.bfloat16):
            half = network(x.float(), index, label)
    assert half.dtype == torch.float32
    assert (half - exact).abs().max() < 0.1 * exact.std()


def test_groups_hold_eight_channels_or_more() -> None:
    config = tiny_added()
    for channels in (8, 16, 24, 40, 48, 96, 256, 1024):
        groups = config.groups(channels)
        assert channels % groups == 0
        assert channels // groups >= 8
    assert config.groups(256) == 32
    assert config.groups(1024) == 32
    assert tiny_reference().groups(32) == 32


def test_config_survives_json() -> None:
    for config in (tiny_added(), tiny_reference(), UNetConfig.reference(256)):
        assert UNetConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"base_channels": 12}, "multiple of 8"),
        ({"base_channels": 40, "conditioning": "reference", "patch_size": 1}, "multiple of 32"),
        ({"blocks_per_level": (1, 2, 3)}, "3 levels"),
        ({"image_size": 18}, "multiple of 4"),
        ({"base_channels": 32, "conditioning": "reference"}, "patch_size 1"),
        ({"heads": 3}, "3 heads do not divide"),
        ({"attention_resolutions": (), "heads": 3}, "middle block"),
        ({"dropout": 1.0}, "less than 1"),
        ({"width": 3}, "not permitted"),
    ],
)
def test_configurations_that_cannot_be_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        tiny_added(**changes)


def test_no_reference_at_other_sizes() -> None:
    with pytest.raises(ValueError, match="64, 128, 256"):
        UNetConfig.reference(96)
