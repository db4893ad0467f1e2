"""What a fresh interpreter has imported after some code."""

from __future__ import annotations

import json
import subprocess
import sys

_REPORT = "import json, sys; print(json.dumps(sorted(sys.modules)))"


def loaded_after(code: str) -> set[str]:
    """Names of the modules in a fresh interpreter that ran `code`."""
    command = [sys.executable, "-c", f"{code}\n{_REPORT}"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))
