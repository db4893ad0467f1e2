"""Compressed pixels decoded in a process of their own.

The decoders are C++ libraries that can end the process on damaged data (GDCM aborts). `Decoder`
starts ``python -m anofpdm.scans.dicom.decoder``, which reads files and writes arrays, each after
its length.
"""

from __future__ import annotations

import io
import subprocess
import sys
from contextlib import suppress
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.processes.child_environment import child_environment
from anofpdm.scans.dicom.optional import quiet
from anofpdm.scans.dicom.parsing import parse
from anofpdm.scans.dicom.pixels import DAMAGED, PixelError, stored_pixels

_ARRAY, _FAULT = b"a", b"f"
_LENGTH = 8


class Decoder:
    """A process that decodes images; it is started by the first and ended by the context."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start nothing yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the process."""
        self._end()

    def pixels(self, content: bytes) -> NDArray[Any]:
        """Decode a file; see `stored_pixels`.

        Parameters
        ----------
        content : bytes
            The whole file.
        """
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            _send(process.stdin, content)
            answer = _received(process.stdout)
        except OSError:
            answer = None
        if answer is None:
            self._end()
            raise PixelError(DAMAGED)
        kind, rest = answer[:1], answer[1:]
        if kind == _FAULT:
            raise PixelError(rest.decode())
        found: NDArray[Any] = np.load(io.BytesIO(rest), allow_pickle=False)
        return found

    def _start(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "anofpdm.scans.dicom.decoder"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=child_environment(),
        )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        process.kill()
        process.wait()


def _send(stream: Any, content: bytes) -> None:
    stream.write(len(content).to_bytes(_LENGTH, "little"))
    stream.write(content)
    stream.flush()


def _received(stream: Any) -> bytes | None:
    """Return what was sent; None at the end, and where it is cut off."""
    length = int.from_bytes(stream.read(_LENGTH), "little")
    content: bytes = stream.read(length) if length else b""
    return content if length and len(content) == length else None


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Decode the files that come in, until no more come."""
    while (content := _received(requests)) is not None:
        try:
            with quiet():
                image = parse(io.BytesIO(content), pixels=len(content), force=True)
                array = stored_pixels(image)
            packed = io.BytesIO()
            np.save(packed, array, allow_pickle=False)
            _send(answers, _ARRAY + packed.getvalue())
        except PixelError as error:
            _send(answers, _FAULT + str(error).encode())


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
