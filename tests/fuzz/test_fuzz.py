"""A few damaged files for every reader; the long run is `python -m tests.fuzz`."""

from __future__ import annotations

import faulthandler
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.harness import FAULTS, Bench, limited_memory
from tests.fuzz.readers import READERS

CASES = 20
COMPRESSED_CASES = 8  # each is decompressed in a process of its own
SEED = 0


@pytest.fixture(autouse=True)
def no_hang() -> Iterator[None]:
    """End the process, with every thread's place, where a reader waits for ever."""
    faulthandler.dump_traceback_later(300, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.mark.parametrize("name", sorted(READERS))
def test_damaged_files_end_in_a_result_or_an_error_of_this_project(
    name: str, tmp_path: Path
) -> None:
    bench = Bench(READERS[name], tmp_path, SEED)
    cases = COMPRESSED_CASES if name.startswith("dicom 1.2.840") else CASES
    with limited_memory(2048):
        findings = [bench.run(case) for case in range(cases)]
    faults = [finding for finding in findings if finding.outcome in FAULTS]
    assert not faults, "\n".join(f"case {each.case}: {each.detail}" for each in faults)
    # What is damaged is noticed; of a job it is a state that is shown, not an error.
    assert name == "jobs" or any(finding.outcome == "own" for finding in findings)
