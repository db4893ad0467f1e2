from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from anofpdm.common.errors import OutputError
from anofpdm.common.folder_lock import LOCK_NAME, alone, folder_lock, hold

HOLDER = """
import sys
from pathlib import Path
from anofpdm.common.folder_lock import folder_lock
with folder_lock(Path(sys.argv[1]), "the work"):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder
    finally:
        holder.kill()
        holder.communicate()


def test_a_folder_that_another_process_holds_is_refused(tmp_path: Path) -> None:
    with another_process(tmp_path) as holder:
        words = r"Another process is using it all; wait for it to end, or stop it\.$"
        with pytest.raises(OutputError, match=words), folder_lock(tmp_path, "it all"):
            pytest.fail("the folder was held twice")
        assert hold(tmp_path / LOCK_NAME) is None
        holder.communicate("")
        with folder_lock(tmp_path, "it all"):
            assert hold(tmp_path / LOCK_NAME) is None


def test_the_lock_ends_with_a_killed_holder(tmp_path: Path) -> None:
    with another_process(tmp_path) as holder:
        holder.kill()
        holder.wait()
        with folder_lock(tmp_path, "it"):
            pass


def test_the_lock_ends_with_an_error_in_its_body(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), folder_lock(tmp_path, "it"):
        _ = 1 / 0
    with folder_lock(tmp_path, "it"):
        pass


def test_alone_waits_for_the_others(tmp_path: Path) -> None:
    order: list[str] = []
    entered = threading.Event()

    def other() -> None:
        entered.set()
        with alone(tmp_path / "mutex"):
            order.append("second")

    with alone(tmp_path / "mutex"):
        thread = threading.Thread(target=other)
        thread.start()
        entered.wait()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_lock_may_be_released_by_another_thread(tmp_path: Path) -> None:
    lock = hold(tmp_path / "ticket")
    assert lock is not None
    thread = threading.Thread(target=lock.release)
    thread.start()
    thread.join()
    assert hold(tmp_path / "ticket") is not None


@pytest.mark.parametrize("use", [hold, lambda path: alone(path).__enter__()])
def test_a_place_that_cannot_be_written_is_one_sentence(use: object, tmp_path: Path) -> None:
    assert callable(use)
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "lock"
    words = r"lock cannot be written \(.+\); check the permissions of .*file\.$"
    with pytest.raises(OutputError, match=words):
        use(path)
    (tmp_path / "lock").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        use(tmp_path / "lock")


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere"
)
def test_a_read_only_folder_is_one_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(OutputError, match="cannot be written"), folder_lock(tmp_path, "it"):
            pytest.fail("a read-only folder was held")
    finally:
        tmp_path.chmod(0o755)
