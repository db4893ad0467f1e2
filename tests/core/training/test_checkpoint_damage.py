"""A checkpoint that is not the state of its run is refused before PyTorch works with it."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from anofpdm.common.errors import CheckpointError
from anofpdm.training import train
from anofpdm.training.run.checkpoints import DamagedCheckpointError, load_checkpoint
from tests.core.training_cases import make_config, make_dataset

Content = dict[str, Any]


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    dataset = make_dataset(folder / "slices.zarr", val=False)
    return train(make_config(steps=1), dataset, folder / "run").checkpoint


def refused(path: Path) -> str:
    with pytest.raises(DamagedCheckpointError) as caught:
        load_checkpoint(path)
    said = str(caught.value)
    assert path.name in said and len(said.splitlines()) == 1
    return said


def moments(content: Content) -> dict[str, Any]:
    state: dict[str, Any] = content["optimizer"]["state"][0]
    return state


def set_in(*keys: Any, to: Any) -> Callable[[Content], None]:
    def change(content: Content) -> None:
        for key in keys[:-1]:
            content = content[key]
        content[keys[-1]] = to

    return change


def not_finite(content: Content) -> None:
    next(iter(content["network"].values())).view(-1)[0] = float("nan")


def negative_squares(content: Content) -> None:
    moments(content)["exp_avg_sq"].fill_(-1.0)


def expanded(content: Content) -> None:
    moments(content)["exp_avg"] = torch.zeros(1).expand_as(moments(content)["exp_avg"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (set_in("optimizer", "state", 0, "exp_avg", to=torch.zeros(3)), "exp_avg otherwise than"),
        (set_in("optimizer", "state", 0, "exp_avg_sq", to=torch.zeros(0)), "exp_avg_sq otherwise"),
        (set_in("optimizer", "state", 0, "step", to=torch.zeros(5)), "no count of steps"),
        (set_in("optimizer", "state", 0, "step", to="x"), "no count of steps"),
        (set_in("optimizer", "state", 10**6, to={}), "lacks the moments"),
        (set_in("optimizer", "state", to=[]), "lacks the moments"),
        (set_in("optimizer", "param_groups", to=[]), "of other weights"),
        (set_in("optimizer", "param_groups", 0, "params", to=[0]), "of other weights"),
        (negative_squares, "a negative mean of squares"),
        (expanded, "exp_avg otherwise than"),
        (not_finite, "that are not finite"),
        (set_in("network", to={}), "network lacks"),
        (set_in("network", "extra", to=torch.zeros(1)), "the unknown entry 'extra'"),
        (set_in("ema", "n_averaged", to=torch.zeros(2)), "no count of steps"),
        (set_in("dataset", to={}), "its dataset lacks fingerprint"),
        (set_in("step", to=True), "no number"),
        (set_in("loss", to=float("nan")), "no number"),
        (set_in("config", to=[1]), "its config is no table"),
    ],
)
def test_a_state_that_does_not_fit_its_network_is_refused(
    intact: Path, tmp_path: Path, change: Callable[[Content], None], said: str
) -> None:
    content = torch.load(intact, weights_only=True)
    change(content)
    path = tmp_path / intact.name
    torch.save(content, path)
    assert said in refused(path)


@pytest.mark.parametrize("key", ["where", "raises", "self", "nonsense"])
def test_an_unknown_key_of_the_configuration_is_named(
    intact: Path, tmp_path: Path, key: str
) -> None:
    content = torch.load(intact, weights_only=True)
    content["config"][key] = 1
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=rf"a\.pt: {key} is not a known field"):
        load_checkpoint(tmp_path / "a.pt")


def repacked(
    source: Path, target: Path, change: Callable[[str, bytes], bytes], packing: int = 0
) -> Path:
    """Write the archive again, its checksums right."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w", packing) as out:
        for name in archive.namelist():
            out.writestr(name, change(name, archive.read(name)))
    return target


def test_a_record_shorter_than_stated_is_refused(intact: Path, tmp_path: Path) -> None:
    """PyTorch would read beyond it."""
    for name in ("data/0", "data/7"):
        path = repacked(
            intact,
            tmp_path / "a.pt",
            lambda n, b, cut=name: b[:4] if n.endswith(cut) else b,  # type: ignore[misc]
        )
        assert "is damaged" in refused(path)


def test_a_deflated_record_is_refused(intact: Path, tmp_path: Path) -> None:
    refused(repacked(intact, tmp_path / "a.pt", lambda _, b: b, zipfile.ZIP_DEFLATED))


def test_a_changed_byte_is_noticed_by_its_checksum(intact: Path, tmp_path: Path) -> None:
    content = bytearray(intact.read_bytes())
    content[len(content) // 2] ^= 1
    path = tmp_path / "a.pt"
    path.write_bytes(bytes(content))
    refused(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="named pipe"):
        load_checkpoint(tmp_path / "a.pt")
