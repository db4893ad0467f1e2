"""Find the network's weights in a checkpoint that holds more, or that names them otherwise.

Training programs save {"state_dict": ...}, {"model": ..., "ema": ..., "optimizer": ...} and the
like. DataParallel and DistributedDataParallel put "module." before each name, torch.compile
"_orig_mod.", averaged models "module." or "ema_model.", Lightning the name of the attribute.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from torch import Tensor

from anofpdm.common.errors import CheckpointError
from anofpdm.model.checkpoint_architecture import FIRST

_DEPTH: Final = 3
_AVERAGED: Final = re.compile(r"ema|average|avg|shadow", re.IGNORECASE)
_NAMED: Final = 3


@dataclass(frozen=True)
class Unwrapped:
    """The network's entries of a checkpoint.

    Attributes
    ----------
    entries : mapping
        Names as the network has them, and what the checkpoint holds under them.
    taken : str
        What was taken out of what, in words; "" where the checkpoint is a plain state dict.
    """

    entries: Mapping[Any, Any]
    taken: str = ""


@dataclass(frozen=True)
class _Place:
    keys: tuple[str, ...]
    prefix: str
    holder: Mapping[Any, Any]

    @property
    def name(self) -> str:
        return "/".join((*self.keys, self.prefix.rstrip("."))).strip("/") or "the names alone"

    @property
    def averaged(self) -> bool:
        return _AVERAGED.search(self.name) is not None


def unwrapped(content: Mapping[Any, Any], source: str) -> Unwrapped:
    """Take the network's weights out of what surrounds them.

    Of several sets of weights the moving average is taken, as the method's public code does.

    Parameters
    ----------
    content : mapping
        What the file holds.
    source : str
        The file, for errors.

    Returns
    -------
    Unwrapped
        `content` itself where no weights are found in it.

    Raises
    ------
    CheckpointError
        When it holds several sets of weights of equal rank.
    """
    places = list(_places(content, ()))
    best = [place for place in places if place.averaged] or places
    if not best:
        return Unwrapped(content)
    if len(best) > 1:
        raise CheckpointError(
            f"{source} contains {len(best)} sets of weights ({', '.join(p.name for p in best)}); "
            "save only the state_dict() of one of them."
        )
    (place,) = best
    if not place.keys and not place.prefix:
        return Unwrapped(content)
    taken = _entries(place)
    left = [str(key) for key in place.holder if key not in set(taken.values())]
    entries = {name: place.holder[key] for name, key in taken.items()}
    return Unwrapped(entries, _words(place, [p for p in places if p is not place], left))


def _places(content: Mapping[Any, Any], keys: tuple[str, ...]) -> Iterator[_Place]:
    """Find the mappings that hold the network's first weight, under any prefix."""
    for key, value in content.items():
        if not isinstance(key, str):
            continue
        if isinstance(value, Tensor):
            head, dot, tail = key.rpartition(FIRST)
            if dot and not tail and (not head or head.endswith(".")):
                yield _Place(keys, head, content)
        elif isinstance(value, Mapping) and len(keys) < _DEPTH:
            yield from _places(value, (*keys, key))


def _entries(place: _Place) -> dict[str, str]:
    """Each name of the network with the key that it has in the checkpoint."""
    if not place.prefix:
        return {key: key for key in place.holder}
    found = (key for key in place.holder if isinstance(key, str) and key.startswith(place.prefix))
    return {key.removeprefix(place.prefix): key for key in found}


def _words(place: _Place, others: list[_Place], left: list[str]) -> str:
    said = []
    if place.keys:
        said.append(f"took the entry {'/'.join(place.keys)}")
    if place.prefix:
        said.append(f'removed "{place.prefix}" from the beginning of each name')
    if others:
        said.append(f"left {', '.join(other.name for other in others)} for the moving average")
    if left:
        more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
        said.append(f"left out {', '.join(left[:_NAMED])}{more}")
    return ", ".join(said)
