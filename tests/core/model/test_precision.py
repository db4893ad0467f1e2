"""The choice of a precision, and what the network loses by it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import cast

import pytest
import torch

from anofpdm.common.errors import DeviceError
from anofpdm.model import precision as module
from anofpdm.model.bundle import load_bundle
from anofpdm.model.precision import (
    Precision,
    cast_for_inference,
    float32_products,
    resolve_precision,
)
from anofpdm.model.unet import UNet
from anofpdm.model.unet_config import UNetConfig

CONFIGS = {
    "added": UNetConfig(
        image_size=16, in_channels=1, base_channels=16, channel_multipliers=(1, 2),
        attention_resolutions=(8,), heads=2, conditioning="added",
    ),
    "reference": UNetConfig(
        image_size=16, in_channels=2, base_channels=32, channel_multipliers=(1, 2),
        attention_resolutions=(8,), heads=2, conditioning="reference",
    ),
}  # fmt: skip


def gpu(monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int]) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: capability >= (8, 0))


@pytest.mark.parametrize(
    ("capability", "found"),
    [((6, 1), "float32"), ((7, 0), "float16"), ((8, 0), "float16"), ((12, 0), "float16")],
)
def test_auto_follows_the_gpu(
    capability: tuple[int, int], found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu(monkeypatch, capability)
    assert resolve_precision("auto", "cuda:1") == found


def test_auto_is_float32_without_such_a_gpu() -> None:
    assert resolve_precision("auto", "cpu") == "float32"
    assert resolve_precision("auto", "mps") == "float32"


@pytest.mark.parametrize(
    ("flags", "guidance", "found"),
    [
        ("avx512_bf16 amx_bf16 amx_tile", 4.0, "bfloat16"),
        ("avx512_bf16 amx_bf16 amx_tile", 0.0, "bfloat16"),
        ("avx512_bf16 amx_bf16 amx_tile", 32.0, "float32"),
        ("avx512_bf16 amx_bf16 amx_tile", None, "float32"),
        ("avx512f avx512_bf16", 4.0, "float32"),
    ],
)
def test_auto_is_bfloat16_on_quick_cpus_for_models_of_small_guidance(
    flags: str, guidance: float | None, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor : 0\nflags : fpu sse {flags}\n")
    quick = module.has_bfloat16_matrix_units(cpuinfo)
    monkeypatch.setattr(module, "has_bfloat16_matrix_units", lambda: quick)
    assert resolve_precision("auto", "cpu", guidance) == found
    assert resolve_precision("auto", "mps", guidance) == "float32"
    assert resolve_precision("float32", "cpu", guidance) == "float32"


def test_a_system_that_does_not_describe_its_cpu_has_no_matrix_units(tmp_path: Path) -> None:
    assert not module.has_bfloat16_matrix_units(tmp_path / "absent")


def test_a_bundle_asks_with_the_guidance_it_is_calibrated_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "has_bfloat16_matrix_units", lambda: True)
    model = load_bundle("flair-synth")
    assert model.metadata.calibration is not None
    assert model.metadata.calibration.guidance <= module.LARGEST_BFLOAT16_GUIDANCE
    assert model.precision_on("auto", "cpu") == "bfloat16"
    assert model.with_calibration(None).precision_on("auto", "cpu") == "float32"


def test_a_precision_that_is_asked_for_is_taken_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    names: tuple[Precision, ...] = ("float32", "float16", "bfloat16")
    for name in names:
        assert resolve_precision(name, "cpu") == name
    with pytest.raises(DeviceError, match=r"tf32 needs an NVIDIA GPU .* not cpu; choose auto"):
        resolve_precision("tf32", "cpu")
    gpu(monkeypatch, (9, 0))
    assert resolve_precision("tf32", "cuda") == "tf32"
    gpu(monkeypatch, (7, 5))
    for refused in cast(tuple[Precision, ...], ("tf32", "bfloat16")):
        with pytest.raises(DeviceError, match="choose auto or float32"):
            resolve_precision(refused, "cuda")


def test_rounding_to_tf32_is_put_back() -> None:
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    seen = {}
    for name in cast(tuple[module.ResolvedPrecision, ...], ("float32", "tf32", "bfloat16")):
        with pytest.raises(ZeroDivisionError), float32_products(name):
            seen[name] = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
            raise ZeroDivisionError
        assert before == (torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32)
    assert seen == {"float32": (False, False), "tf32": (True, True), "bfloat16": (True, False)}


@pytest.mark.parametrize("kind", CONFIGS)
def test_half_weights_stay_close_to_float64(kind: str) -> None:
    """Error under 2 % of the prediction's standard deviation, and less than under autocast."""
    config = CONFIGS[kind]
    torch.manual_seed(0)
    network = UNet(config).eval().requires_grad_(False)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    x = torch.randn(4, config.in_channels, 16, 16, dtype=torch.float64)
    index, label = torch.tensor([0, 99, 500, 999]), torch.tensor([0, 1, 2, 0])
    exact = network.double()(x, index, label)
    single = network.float()(x.float(), index, label)
    with torch.autocast("cpu", torch.bfloat16):
        autocast = network(x.float(), index, label)
    half_network = copy.deepcopy(network)
    cast_for_inference(network, "bfloat16")
    half = network(x.float(), index, label)
    cast_for_inference(half_network, "float16")
    finer = half_network(x.float(), index, label)
    assert half.dtype == torch.float32
    spread = float(exact.std())
    error = {
        name: float((found.double() - exact).square().mean().sqrt()) / spread
        for name, found in {
            "single": single,
            "autocast": autocast,
            "half": half,
            "finer": finer,
        }.items()
    }
    assert error["single"] < 1e-5
    assert 1e-4 < error["half"] < 0.02
    assert 1e-5 < error["finer"] < 0.25 * error["half"]
    assert error["half"] < 1.1 * error["autocast"]


def test_only_convolutions_and_attention_are_cast() -> None:
    network = UNet(CONFIGS["reference"])
    cast_for_inference(network, "float32")
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    cast_for_inference(network, "bfloat16")
    kept = {name for name, p in network.named_parameters() if p.dtype == torch.float32}
    assert {"out.2.weight", "label_emb.weight", "time_embed.0.weight"} <= kept
    assert "input_blocks.1.0.in_layers.0.weight" in kept
    assert "input_blocks.1.0.emb_layers.1.weight" in kept
    assert kept.isdisjoint({"input_blocks.0.0.weight", "middle_block.1.qkv.weight"})
