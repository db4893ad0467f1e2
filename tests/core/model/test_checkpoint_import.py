from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from anofpdm.common.errors import CheckpointError
from anofpdm.model.bundle import load_bundle
from anofpdm.model.checkpoint_architecture import read_architecture
from anofpdm.model.checkpoint_import import import_checkpoint
from anofpdm.model.unet import UNet
from anofpdm.model.unet_config import UNetConfig
from tests.core.model_cases import reference_config

MODALITIES = ("flair", "t1")


def trained(config: UNetConfig) -> UNet:
    torch.manual_seed(3)
    network = UNet(config).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return network


@pytest.fixture(scope="module")
def network() -> UNet:
    return trained(reference_config())


def saved(content: object, folder: Path, name: str = "ema_0.9999_210000.pt") -> Path:
    path = folder / name
    torch.save(content, path)
    return path


def imported(path: Path, **changes: Any) -> Any:
    options: dict[str, Any] = {
        "modalities": MODALITIES,
        "scored": ("flair",),
        "heads": 2,
        "image_size": 16,
    }
    return import_checkpoint(path, **(options | changes))


def fault(path: Path, **changes: Any) -> str:
    with pytest.raises(CheckpointError) as caught:
        imported(path, **changes)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def outputs(network: UNet | Any, seed: int = 0) -> Tensor:
    x = torch.randn(3, 2, 16, 16, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        noise: Tensor = network(x, torch.tensor([0, 500, 999]), torch.tensor([0, 1, 2]))
    return noise


def test_round_trip_predicts_the_same_noise(network: UNet, tmp_path: Path) -> None:
    bundle = imported(saved(network.state_dict(), tmp_path))
    bundle.save(tmp_path / "bundle")
    again = load_bundle(tmp_path / "bundle")
    torch.testing.assert_close(outputs(again.network("cpu")), outputs(network), rtol=0, atol=0)
    assert outputs(network).std() > 0.01


def test_metadata_of_an_import(network: UNet, tmp_path: Path) -> None:
    metadata = imported(saved(network.state_dict(), tmp_path)).metadata
    assert metadata.name == "ema_0.9999_210000"
    assert metadata.network == reference_config()
    assert (metadata.modalities, metadata.scored) == (MODALITIES, ("flair",))
    assert metadata.calibration is None
    assert metadata.training == {"imported_from": "ema_0.9999_210000.pt"}
    preprocessing = metadata.preprocessing
    assert (preprocessing.field_of_view, preprocessing.intensity) == ("stretch", "slice_minmax")
    assert (preprocessing.rows, preprocessing.columns, preprocessing.size) == ("L", "P", 16)


def test_old_format_and_half_precision_load_too(network: UNet, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    half = OrderedDict((name, w.half()) for name, w in network.state_dict().items())
    torch.save(half, path, _use_new_zipfile_serialization=False)
    noise = outputs(imported(path).network("cpu"))
    torch.testing.assert_close(noise, outputs(network), rtol=0, atol=0.05)


@pytest.mark.parametrize("size", [64, 128, 256])
def test_published_networks_are_read_off_their_shapes(size: int) -> None:
    expected = UNetConfig.reference(size, heads=2)
    with torch.device("meta"):
        shapes = {k: tuple(v.shape) for k, v in UNet(expected).state_dict().items()}
    assert read_architecture(shapes, source="m.pt", heads=2, image_size=None) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"in_channels": 1, "base_channels": 64},
        {"channel_multipliers": (1, 3, 2), "attention_resolutions": (16, 4)},
        {"blocks_per_level": 3, "attention_resolutions": ()},
        {"blocks_per_level": (1, 2)},
        {"channel_multipliers": (2, 2)},
    ],
)
def test_architecture_is_recovered(changes: dict[str, object]) -> None:
    expected = reference_config(**changes)
    with torch.device("meta"):
        shapes = {k: tuple(v.shape) for k, v in UNet(expected).state_dict().items()}
    read = read_architecture(shapes, source="m.pt", heads=2, image_size=16)
    assert read.model_copy(update={"blocks_per_level": read.blocks}) == expected.model_copy(
        update={"blocks_per_level": expected.blocks}
    )


def test_image_size_is_asked_for_where_it_is_not_implied(network: UNet, tmp_path: Path) -> None:
    assert "--size" in fault(saved(network.state_dict(), tmp_path), image_size=None)


def test_what_does_not_fit_is_listed(network: UNet, tmp_path: Path) -> None:
    state = dict(network.state_dict())
    del state["middle_block.1.encoder_kv.bias"]
    state["extra.weight"] = torch.zeros(1)
    state["out.2.bias"] = torch.zeros(5)
    message = fault(saved(state, tmp_path))
    assert "in 3 of" in message
    assert "middle_block.1.encoder_kv.bias is missing" in message
    assert "extra.weight is unexpected" in message
    assert "out.2.bias has shape (5,) instead of (2,)" in message


def test_a_long_list_is_cut(network: UNet, tmp_path: Path) -> None:
    state = {k: v for k, v in network.state_dict().items() if "emb_layers" not in k}
    message = fault(saved(state, tmp_path))
    assert message.count("is missing") == 10
    blocks = 2 + 2 + 4
    assert f"in {2 * blocks} of" in message
    assert f"and {2 * blocks - 10} more" in message


def test_our_own_conditioning_does_not_pass_for_the_reference(tmp_path: Path) -> None:
    own = UNet(reference_config(conditioning="added", base_channels=64))
    assert "does not fit" in fault(saved(own.state_dict(), tmp_path))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"modalities": ("flair",)}, "has 2 input channels, but 1 modalities"),
        ({"scored": ("t2",)}, "scored"),
        ({"heads": 5}, "5 heads do not divide"),
        ({"image_size": 17}, "multiple of 2"),
        ({"rows": "P"}, "different axes"),
    ],
)
def test_options_that_do_not_fit(
    network: UNet, tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    assert words in fault(saved(network.state_dict(), tmp_path), **changes)


class Bomb:
    """Unpickling one makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_pickle_is_refused_and_not_run(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "model.pt"
    torch.save({"a": Bomb(tmp_path / "made")}, path, _use_new_zipfile_serialization=zipped)
    assert "run code" in fault(path)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_a_truncated_file_is_refused(
    network: UNet, tmp_path: Path, share: float, zipped: bool
) -> None:
    path = tmp_path / "model.pt"
    torch.save(network.state_dict(), path, _use_new_zipfile_serialization=zipped)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert "truncated" in fault(path)


@pytest.mark.parametrize("content", [b"hello\n", b"\x89PNG\r\n\x1a\n", bytes(4096), b"PK\x03\x04"])
def test_another_kind_of_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    assert "not a PyTorch checkpoint" in fault(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([1, 2], "a list, not a state dict"),
        (torch.zeros(3), "a Tensor, not a state dict"),
        ({"step": 3, "state_dict": {}}, "a int under 'step'"),
        ({3: torch.zeros(1)}, "under 3"),
        ({}, "input_blocks.0.0.weight"),
        ({"conv.weight": torch.zeros(1)}, "input_blocks.0.0.weight"),
        (
            {
                "input_blocks.0.0.weight": torch.zeros(4, 2, 3, 3),
                "time_embed.0.weight": torch.zeros(16, 4),
            },
            "no residual block at level 0",
        ),
        ({"conv.weight": torch.tensor([float("nan")])}, "not finite"),
        ({"conv.weight": torch.tensor([1])}, "not finite"),
    ],
)
def test_other_contents_are_refused(tmp_path: Path, content: object, words: str) -> None:
    assert words in fault(saved(content, tmp_path))


def test_a_plain_pickle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({"a": Bomb(tmp_path / "made")}))
    assert "not a PyTorch checkpoint" in fault(path)
    assert not (tmp_path / "made").exists()


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    assert "is not a file" in fault(tmp_path / "none.pt")
    assert "is not a file" in fault(tmp_path)


def prefixed(network: UNet, prefix: str) -> dict[str, Tensor]:
    return {f"{prefix}{name}": weight for name, weight in network.state_dict().items()}


@pytest.mark.parametrize(
    ("wrap", "words"),
    [
        (lambda n: prefixed(n, "module."), ['removed "module."']),
        (lambda n: prefixed(n, "module._orig_mod."), ['removed "module._orig_mod."']),
        (lambda n: {"state_dict": prefixed(n, "")}, ["took the entry state_dict"]),
        (
            lambda n: {"epoch": 3, "state_dict": prefixed(n, "model.module."), "lr": [0.1]},
            ["took the entry state_dict", 'removed "model.module."'],
        ),
        (lambda n: {"model": prefixed(n, ""), "step": 7}, ["took the entry model"]),
        (
            lambda n: {"model": prefixed(UNet(n.config), ""), "ema": prefixed(n, "module.")},
            ["took the entry ema", "left model for the moving average"],
        ),
        (
            lambda n: {**prefixed(n, "module."), "n_averaged": torch.tensor(5)},
            ["left out n_averaged"],
        ),
        (
            lambda n: {**prefixed(UNet(n.config), "model."), **prefixed(n, "ema_model.")},
            ['removed "ema_model."', "left model for the moving average"],
        ),
    ],
)
def test_wrapped_weights_are_found_and_said(
    network: UNet, tmp_path: Path, wrap: Any, words: list[str]
) -> None:
    bundle = imported(saved(wrap(network), tmp_path))
    torch.testing.assert_close(outputs(bundle.network("cpu")), outputs(network), rtol=0, atol=0)
    said = bundle.metadata.training["unwrapped"]
    assert all(word in said for word in words), said


def test_two_sets_of_weights_of_equal_rank_are_not_chosen_between(
    network: UNet, tmp_path: Path
) -> None:
    both = {"teacher": prefixed(network, ""), "student": prefixed(network, "module.")}
    assert "2 sets of weights (teacher, student/module)" in fault(saved(both, tmp_path))
