"""`Preparer`: the single preparation of a viewer's scans, from start to end."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from psygnal import Signal

from napari_anofpdm.host.notify import sentence_of
from napari_anofpdm.preparation.made_layers import MadeLayers, add_prepared
from napari_anofpdm.session.engine_thread import Task, is_cancelled, post, submit
from napari_anofpdm.space.layer_volume import volume_of

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from anofpdm import Volume
    from anofpdm.preprocessing.chain import ChainSettings, PreparedScans
    from napari_anofpdm.session.session import Session

_WAITING = "Starting"
PreparerState = Literal["idle", "running", "cancelling"]


@dataclass(frozen=True)
class Stage:
    """Where a preparation is.

    Attributes
    ----------
    text : str
        What it does now.
    done, total : int
        Stages before this one, and all.
    """

    text: str
    done: int
    total: int


@dataclass(frozen=True, eq=False)
class Outcome:
    """How a preparation ended.

    Attributes
    ----------
    notes, warnings : tuple of str
        Sentences on what was done, and what to be careful about.
    made : MadeLayers or None
        None where nothing was added.
    """

    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    made: MadeLayers | None = None


class Preparer:
    """Prepares scans on a thread of its own, and adds the results as layers; it outlives its panel.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    session : Session
        When it is closed, the work stops.
    of_one_head : callable
        Told the layers that belong together from then on.

    Attributes
    ----------
    state_changed : Signal(str)
        "idle", "running" or "cancelling".
    stage_changed : Signal(Stage)
    ended : Signal(Outcome)
        However it ended; before the state is "idle" again.
    """

    state_changed = Signal(str)
    stage_changed = Signal(object)
    ended = Signal(object)

    def __init__(
        self, viewer: Viewer, session: Session, of_one_head: Callable[[Sequence[Layer]], Any]
    ) -> None:
        self._viewer = weakref.ref(viewer)
        self._session, self._of_one_head = session, of_one_head
        self._task: Task | None = None
        self.state: PreparerState = "idle"
        self.stage = Stage("", 0, 0)
        session.closed.connect(self.cancel)

    def start(self, layers: Sequence[Layer], settings: ChainSettings) -> None:
        """Prepare scans of one head; the first keeps its voxels.

        Raises
        ------
        AnofpdmError
            When a layer is no scan that can be used.
        RuntimeError
            When a preparation is running.
        """
        if self.state != "idle":
            raise RuntimeError("a preparation is already running")
        by_name = {layer.name: layer for layer in layers}
        volumes = {name: volume_of(layer) for name, layer in by_name.items()}
        self.stage = Stage(_WAITING, 0, settings.stages(len(volumes)))
        self._set_state("running")
        self.stage_changed.emit(self.stage)
        notes: list[str] = []
        warnings: list[str] = []

        def on_stage(text: str) -> None:
            post(self._on_stage, text)

        self._task = submit(
            _prepare,
            volumes,
            settings,
            (notes.append, warnings.append, on_stage),
            on_done=lambda ready: self._done(ready, by_name, notes, warnings),
            on_error=self._failed,
            lane="prepare",
        )

    def cancel(self) -> None:
        """Stop soon; no layer is added."""
        if self._task is not None and self.state == "running":
            self._task.cancel()
            self._set_state("cancelling")

    def _set_state(self, state: PreparerState) -> None:
        self.state = state
        self.state_changed.emit(state)

    def _on_stage(self, text: str) -> None:
        started = self.stage.text != _WAITING
        self.stage = Stage(text, self.stage.done + started, self.stage.total)
        self.stage_changed.emit(self.stage)

    def _done(
        self,
        ready: PreparedScans,
        layers: dict[str, Layer],
        notes: list[str],
        warnings: list[str],
    ) -> None:
        viewer = self._viewer()
        if viewer is None or self._session.is_closed:
            self._end(Outcome(()))
            return
        gone = [name for name, layer in layers.items() if layer not in viewer.layers]
        if gone:
            self._end(
                Outcome((), (f"The layer '{gone[0]}' was removed meanwhile; nothing was added.",))
            )
            return
        made = add_prepared(viewer, layers, ready)
        self._of_one_head([*layers.values(), *(new for _, new in made.replaced)])
        said = notes or ["All scans lie on the same voxels; nothing had to be done."]
        self._end(Outcome(tuple(said), tuple(warnings), made))

    def _failed(self, error: Exception) -> None:
        from anofpdm.common.errors import Cancelled

        if isinstance(error, Cancelled):
            self._end(Outcome(("Cancelled; nothing was added.",)))
        else:
            self._end(Outcome((), (sentence_of(error, "preparing the scans"),)))

    def _end(self, outcome: Outcome) -> None:
        self._task = None
        self.ended.emit(outcome)
        self._set_state("idle")


def _prepare(
    volumes: dict[str, Volume],
    settings: ChainSettings,
    told: tuple[Callable[[str], None], Callable[[str], None], Callable[[str], None]],
) -> PreparedScans:
    from anofpdm.preprocessing.chain import prepare_scans

    note, warn, on_stage = told
    return prepare_scans(
        volumes, settings, note=note, warn=warn, on_stage=on_stage, should_cancel=is_cancelled
    )
