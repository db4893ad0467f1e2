"""What all tests share: the optional real scans."""

from __future__ import annotations

import gc
import itertools
import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

# Runs are compared bit by bit, in this process and in others: all with one thread, also where
# pytest is started by hand. It counts as long as torch has not been imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Where a test asks for two threads, one that waits for the other must not keep its core busy.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Tests judge results, not durations: a busy machine must not fail them.
settings.register_profile("anofpdm", deadline=None)
settings.load_profile("anofpdm")

# Panels and figures are thousands of objects: Python would look for garbage every few of them.
gc.set_threshold(20_000, 20, 20)

# Under nohup the tests would ignore SIGHUP, and so would the commands that they send it to.
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

ROOT = Path(__file__).parents[1]
TEST_DATA_VARIABLE = "ANOFPDM_TEST_DATA"


def _real_scans_folder() -> Path:
    named = os.environ.get(TEST_DATA_VARIABLE)
    return Path(named) if named else ROOT.parent / "shared" / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer napari's window for every viewer of the tests; it takes long to make."""
    parser.addoption(
        "--windows", action="store_true", help="test the plugin in whole napari windows throughout"
    )


def pytest_collection_finish() -> None:
    """Spare the garbage collector what is imported: each viewer asks it to look at everything."""
    _freeze()


_tests_done = itertools.count(1)


def pytest_runtest_logfinish() -> None:
    """Do so again from time to time, for what the tests themselves import and keep."""
    if next(_tests_done) % 8 == 0:
        _freeze()


def _freeze() -> None:
    gc.collect()
    gc.freeze()


def pytest_report_header(config: pytest.Config) -> str:
    """Say at the top of every run whether the tests on real scans take part."""
    if _real_scans_folder().is_dir():
        return "real scans: present"
    return f"real scans: absent, tests on them skip (set {TEST_DATA_VARIABLE} to their folder)"


@pytest.fixture(scope="session")
def real_scans() -> Path:
    """Folder of real scans (ms/, stroke/, odd/, ...); the test skips where there is none."""
    folder = _real_scans_folder()
    if not folder.is_dir():
        pytest.skip(f"no real scans here: set {TEST_DATA_VARIABLE} to their folder")
    return folder


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """Top folder of the working tree."""
    return ROOT
