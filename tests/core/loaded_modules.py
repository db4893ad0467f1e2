"""What a fresh interpreter has imported after some code."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

_REPORT = "import json, sys; print(json.dumps(sorted(sys.modules)))"


def loaded_after_each(codes: Sequence[str]) -> list[set[str]]:
    """Names of the modules in one fresh interpreter after each of `codes`, run in their order."""
    lines = [line for code in codes for line in (code, "print()", _REPORT)]
    command = [sys.executable, "-c", "\n".join(lines)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    reports = [line for line in done.stdout.splitlines() if line.startswith("[")]
    assert len(reports) == len(codes), done.stdout
    return [set(json.loads(report)) for report in reports]


def loaded_after(code: str) -> set[str]:
    """Names of the modules in a fresh interpreter that ran `code`."""
    return loaded_after_each([code])[0]
