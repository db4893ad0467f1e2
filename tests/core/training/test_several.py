"""The process that watches over those of a run; in torchrun's place stands a small script."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil
import pytest

from anofpdm.common.errors import Cancelled, DeviceError, TrainingError
from anofpdm.training.run import several
from anofpdm.training.run.several import StoppedEarly, run_in_processes
from anofpdm.training.step.processes import check_processes

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM of Unix")

# Starts a process as torchrun does, which ends as the last argument says.
STAND_IN = """
import json, os, signal, subprocess, sys, time
assert sys.argv[1:5] == ["--nproc-per-node=2", "-m", "anofpdm.cli", "train"], sys.argv
folder, how = os.environ["ANOFPDM_OUTCOMES"], sys.argv[-1]
def tell(rank, code, message=""):
    path = os.path.join(folder, f"{rank:08d}.json")
    with open(path, "w") as file:
        json.dump({"code": code, "message": message}, file)
RANK = f'''
import json, os, signal, sys, time
def end(*_):
    with open(os.path.join({folder!r}, "00000000.json"), "w") as file:
        json.dump({{"code": 130, "message": ""}}, file)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
os.kill({os.environ["ANOFPDM_LEADER"]}, signal.SIGTERM)
time.sleep(1000)
'''
if how == "done":
    tell(0, 0), tell(1, 0)
elif how == "failed":
    tell(1, 2, "The loss became nan.")
    sys.exit(1)
elif how == "silent":
    sys.exit(1)
elif how == "early":
    kill = f"os.kill({os.environ['ANOFPDM_LEADER']}, signal.SIGTERM)"
    subprocess.run([sys.executable, "-c", f"import os, signal; {kill}; signal.pause()"])
    sys.exit(1)
else:
    subprocess.run([sys.executable, "-c", RANK])
"""


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(several, "TORCHRUN", (sys.executable, "-c", STAND_IN))


def run(how: str) -> None:
    run_in_processes(["train", how], 2)


def test_all_is_well() -> None:
    run("done")


def test_the_sentence_of_the_one_that_failed_is_told() -> None:
    with pytest.raises(TrainingError, match="The loss became nan"):
        run("failed")
    with pytest.raises(TrainingError, match="One of the processes was killed"):
        run("silent")


def test_a_stop_is_handed_on_and_all_end() -> None:
    before = signal.getsignal(signal.SIGTERM)
    # Other tests of this process may have left helpers such as a resource tracker.
    others = set(psutil.Process().children(recursive=True))
    with pytest.raises(Cancelled) as caught:
        run("stopped")
    assert not isinstance(caught.value, StoppedEarly)
    assert signal.getsignal(signal.SIGTERM) == before
    assert not set(psutil.Process().children(recursive=True)) - others


def test_a_stop_before_the_first_step_is_said() -> None:
    with pytest.raises(StoppedEarly, match=r"^Stopped before the first step\.$"):
        run("early")


FOLLOWER = """
import sys, time
from anofpdm.common.processes.worker_processes import end_with
end_with(int(sys.argv[1]))
time.sleep(1000)
"""


def test_processes_end_with_the_one_that_leads_them() -> None:
    leader = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    follower = subprocess.Popen([sys.executable, "-c", FOLLOWER, str(leader.pid)])
    leader.kill()
    leader.wait()
    assert follower.wait(timeout=120) == 1


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    check_processes(2, "cuda")
    check_processes(9, "cpu")
    check_processes(1, "mps")
    with pytest.raises(DeviceError, match="3 processes need 3 GPUs, but this machine has 2"):
        check_processes(3, "cuda")
    with pytest.raises(DeviceError, match="cannot share a run on mps"):
        check_processes(2, "mps")
    assert os.environ.get("ANOFPDM_LEADER") is None
