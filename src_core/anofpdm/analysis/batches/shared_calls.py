"""Slices of several scans in one call of the network."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from anofpdm.method.forward_process import NoisePredictor

log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Call:
    """What one thread asks of the network, and the answer."""

    x: Tensor
    index: Tensor
    label: Tensor
    noise: Tensor | None = None
    error: BaseException | None = None

    @property
    def answered(self) -> bool:
        return self.noise is not None or self.error is not None


class SharedPredictor:
    """A noise predictor that gathers the calls of several threads.

    Each thread walks a forward process of its own, and takes part while it does; see
    `taking_part`. A call waits until all threads that take part wait with one, or until those that
    wait fill a call of the network. One of the threads then calls the network for them. A thread
    that ends its walk, or fails, no longer keeps the others waiting.

    Noise and network treat each slice by itself, so no result depends on whose slices share a call
    more than it depends on the batch size.

    Parameters
    ----------
    predictor : NoisePredictor
        Is never called by two threads at a time.
    most : int
        Largest number of evaluations, two for each slice, in a shared call. It is halved when
        memory runs out. A single thread's call may be larger.
    """

    def __init__(self, predictor: NoisePredictor, most: int) -> None:
        self._predictor = predictor
        self._most = most
        self._changed = threading.Condition()
        self._walks = Counter[int]()
        self._waiting: list[_Call] = []
        self._busy = False

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Take part: other calls wait for this thread's while the block runs."""
        thread = threading.get_ident()
        with self._changed:
            self._walks[thread] += 1
        try:
            yield
        finally:
            with self._changed:
                self._walks[thread] -= 1
                self._walks += Counter()  # without those at 0
                self._changed.notify_all()

    def __call__(self, x: Tensor, index: Tensor, label: Tensor) -> Tensor:
        """Predict the noise; see `NoisePredictor`."""
        own = _Call(x, index, label)
        with self._changed:
            self._waiting.append(own)
            self._changed.notify_all()
            while not own.answered:
                if self._busy or not self._full():
                    self._changed.wait()
                    continue
                taken = self._take()
                self._busy = True
                self._changed.release()
                try:
                    self._answer(taken)
                finally:
                    self._changed.acquire()
                    self._busy = False
                    self._changed.notify_all()
        if own.error is not None:
            raise own.error
        assert own.noise is not None
        return own.noise

    def _full(self) -> bool:
        """Whether there is nothing left to wait for."""
        waiting = self._waiting
        return len(waiting) >= len(self._walks) or _evaluations(waiting) >= self._most

    def _take(self) -> list[_Call]:
        """Take the calls that fit into one, those first that have waited longest."""
        count = 1
        while count < len(self._waiting) and (
            _evaluations(self._waiting[: count + 1]) <= self._most
        ):
            count += 1
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    def _answer(self, calls: Sequence[_Call]) -> None:
        """Call the network for several threads, in two halves where memory runs out."""
        import torch

        try:
            if len(calls) == 1:
                own = calls[0]
                own.noise = self._predictor(own.x, own.index, own.label)
                return
            noise = self._predictor(
                *(torch.cat([getattr(call, part) for call in calls]) for part in _PARTS)
            )
            for call, own_noise in zip(
                calls, torch.split(noise, [len(c.x) for c in calls]), strict=True
            ):
                call.noise = own_noise
            return
        except (torch.OutOfMemoryError, MemoryError) as error:
            if len(calls) == 1:
                calls[0].error = error
                return
        except BaseException as error:
            for call in calls:
                call.error = error
            return
        # Only here, where the error is gone, is what the call had allocated free again.
        torch.cuda.empty_cache()
        self._most = max(1, _evaluations(calls) // 2)
        log.info("Out of memory; at most %d evaluations share a call.", self._most)
        half = len(calls) // 2
        self._answer(calls[:half])
        self._answer(calls[half:])


_PARTS = ("x", "index", "label")


def _evaluations(calls: Sequence[_Call]) -> int:
    return sum(len(call.x) for call in calls)


def taking_part(predictor: NoisePredictor) -> AbstractContextManager[None]:
    """Let a thread's walk share its calls while a block runs, where the predictor is shared."""
    return predictor.joined() if isinstance(predictor, SharedPredictor) else nullcontext()
