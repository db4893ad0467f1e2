"""The steps of an analysis as 4-D arrays that are computed on access."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_anofpdm.host.notify import show_failure

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anofpdm.analysis.step_maps import StepMaps
    from napari_anofpdm.session.session import Session
    from napari_anofpdm.space.placement import NetworkGrid

StepKind = Literal["sam", "healthy", "unguided"]

# Enough for a whole volume at one step, which a coronal view requires.
_KEPT = 256


class StepSource:
    """Computes the maps of single steps of a session's analysis, and keeps the latest.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._kept: OrderedDict[tuple[int, int], StepMaps] = OrderedDict()
        self._broken = False
        self.ready = False
        """Whether PyTorch is imported; until then all values are zero."""

    def clear(self) -> None:
        """Discard the maps of the previous settings."""
        self._kept.clear()

    def maps(self, position: int, step: int) -> StepMaps | None:
        """Return one step of one slice, or None if it is not computed yet."""
        session, key = self._session, (position, step)
        analysis, settings = session.analysis, session.settings
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        if not self.ready or self._broken or analysis is None or settings is None:
            return None
        if position not in session.done:
            return None
        from anofpdm.analysis.step_maps import step_maps

        try:
            found = step_maps(analysis, settings, position, step)
        except Exception as error:
            # Reported once: napari asks again with every move of a slider.
            self._broken = True
            show_failure(error, "showing a step")
            return None
        self._kept[key] = found
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return found


class StepArray:
    """One kind of map for every step and axial slice, as an array for napari.

    Parameters
    ----------
    source : StepSource
    kind : {"sam", "healthy", "unguided"}
    steps : int
        K, length of the grid of timesteps.
    grid : NetworkGrid
        Shape and orientation of the planes.
    position_of : mapping of int to int
        Position in the analysis of each analysed axial slice; the others are zero.
    channel : callable
        Returns the index of the modality to show, or None for their mean.
    """

    ndim = 4
    dtype = np.dtype(np.float32)

    def __init__(
        self,
        source: StepSource,
        kind: StepKind,
        steps: int,
        grid: NetworkGrid,
        position_of: dict[int, int],
        channel: Callable[[], int | None],
    ) -> None:
        self.shape = (steps, *grid.shape)
        self._source, self._kind, self._grid = source, kind, grid
        self._position_of, self._channel = position_of, channel

    def __getitem__(self, key: Any) -> NDArray[np.float32]:
        wanted = _full_key(key, self.ndim)
        steps, slices = (
            np.atleast_1d(np.arange(n)[part])
            for n, part in zip(self.shape[:2], wanted[:2], strict=True)
        )
        block = np.zeros((len(steps), len(slices), *self.shape[2:]), dtype=np.float32)
        for i, step in enumerate(steps):
            for j, k in enumerate(slices):
                plane = self._plane(int(step), int(k))
                if plane is not None:
                    block[i, j] = plane
        picked = tuple(slice(None) if isinstance(part, slice) else 0 for part in wanted[:2])
        return np.asarray(block[(*picked, *wanted[2:])])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[...], dtype=dtype)

    def _plane(self, step: int, slice_id: int) -> NDArray[np.float32] | None:
        position = self._position_of.get(slice_id)
        maps = None if position is None else self._source.maps(position, step)
        if maps is None:
            return None
        channels: NDArray[np.float32] = getattr(maps, self._kind)
        channel = self._channel()
        image = channels.mean(axis=0) if channel is None else channels[channel]
        return self._grid.along_world(image)


def _full_key(key: Any, ndim: int) -> tuple[Any, ...]:
    """Return one index or slice for each axis."""
    parts = key if isinstance(key, tuple) else (key,)
    if Ellipsis in parts:
        at = parts.index(Ellipsis)
        missing = ndim - (len(parts) - 1)
        parts = (*parts[:at], *[slice(None)] * missing, *parts[at + 1 :])
    return (*parts, *[slice(None)] * (ndim - len(parts)))
