"""Where torch.compile keeps what it makes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import nn

from anofpdm.training.step import compiling
from anofpdm.training.step.compiling import CACHE_VARIABLE, compiled


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's cache folder, and no choice in the environment."""
    # Set first, so that what the code sets is undone, too.
    monkeypatch.setenv(CACHE_VARIABLE, "")
    monkeypatch.delenv(CACHE_VARIABLE)
    monkeypatch.setattr(torch, "compile", lambda network: network)
    monkeypatch.setattr(compiling, "user_cache_path", lambda name: tmp_path / "cache" / name)
    return tmp_path / "cache" / "anofpdm" / "compiled"


def test_results_are_kept_in_the_users_cache_folder(cache: Path) -> None:
    network = nn.Identity()
    assert compiled(network) is network
    assert os.environ[CACHE_VARIABLE] == str(cache) and cache.is_dir()


def test_a_folder_in_the_environment_is_used(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, "elsewhere")
    compiled(nn.Identity())
    assert os.environ[CACHE_VARIABLE] == "elsewhere" and not cache.exists()


def test_a_folder_that_cannot_be_made_is_done_without(cache: Path) -> None:
    cache.parent.parent.write_text("a file")
    compiled(nn.Identity())
    assert CACHE_VARIABLE not in os.environ


def test_the_compiler_writes_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._inductor.runtime.cache_dir_utils import cache_dir

    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "kept"))
    assert cache_dir() == str(tmp_path / "kept")
