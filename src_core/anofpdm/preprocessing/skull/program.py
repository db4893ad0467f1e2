"""Brain extraction by a program that the user has installed: called on a temporary file."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import AnofpdmError, Cancelled, VolumeError
from anofpdm.preprocessing.skull.tool import ShouldCancel, ToolMissingError
from anofpdm.scans.same_grid import on_grid_of
from anofpdm.scans.volume import Volume, read_volume, write_nifti

_SECONDS_BETWEEN_LOOKS = 0.2
_SECONDS_FOR_VERSION = 60


@dataclass(frozen=True)
class Program:
    """How a program is called.

    Attributes
    ----------
    name : str
        Its name in sentences.
    command : str
        What the shell knows it by.
    arguments : tuple of str
        With ``{scan}`` for the file to read and ``{folder}`` for where it writes.
    mask : str
        Name of the mask in that folder.
    install : str
        How it is installed, as an imperative.
    """

    name: str
    command: str
    arguments: tuple[str, ...]
    mask: str
    install: str

    def find_brain(self, volume: Volume, cancelled: ShouldCancel) -> tuple[NDArray[np.bool_], str]:
        """Return the brain on the scan's voxels, and the program's version.

        Raises
        ------
        ToolMissingError
            When the program is not on the search path.
        VolumeError
            When it fails or writes no mask on the scan's grid.
        Cancelled
            On request; the program is ended.
        """
        command = shutil.which(self.command)
        if command is None:
            raise ToolMissingError(
                f"{self.name} is not installed (there is no program {self.command}); "
                f"{self.install}, or use --skull deepbet."
            )
        # The program sees neither the scan's name nor its header's free text.
        with tempfile.TemporaryDirectory(prefix="anofpdm-") as folder:
            scan = Path(folder) / "scan.nii.gz"
            write_nifti(scan, np.asarray(volume.data, dtype=np.float32), volume, np.float32)
            given = [each.format(scan=scan, folder=folder) for each in self.arguments]
            self._run([command, *given], cancelled)
            path = Path(folder) / self.mask
            if not path.is_file():
                raise VolumeError(
                    f"{self.name} wrote no mask for {volume.name}; try it by hand on the scan, or "
                    "use --skull deepbet."
                )
            try:
                mask = on_grid_of(volume, read_volume(path))
            except AnofpdmError as error:
                raise VolumeError(
                    f"The mask that {self.name} wrote for {volume.name} cannot be used ({error})"
                ) from error
            return np.asarray(mask.data > 0.5), self._version(command)

    def _run(self, command: list[str], cancelled: ShouldCancel) -> None:
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            while True:
                try:
                    said, _ = process.communicate(timeout=_SECONDS_BETWEEN_LOOKS)
                    break
                except subprocess.TimeoutExpired:
                    if cancelled():
                        process.kill()
                        process.communicate()
                        raise Cancelled("The brain extraction was cancelled.") from None
                except BaseException:
                    process.kill()
                    raise
        if process.returncode != 0:
            lines = [line.strip() for line in said.splitlines() if line.strip()]
            last = lines[-1][:200].rstrip(".") if lines else "it said nothing"
            raise VolumeError(
                f"{self.name} failed with exit code {process.returncode} ({last}); try it by hand "
                "on the scan, or use --skull deepbet."
            )

    def _version(self, command: str) -> str:
        try:
            done = subprocess.run(
                [command, "--version"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_SECONDS_FOR_VERSION,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return "unknown"
        found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
        return found.group() if done.returncode == 0 and found else "unknown"
