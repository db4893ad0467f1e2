"""Pictures of predictions for some held-out slices during training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from anofpdm.common.atomic import atomic_path
from anofpdm.datasets.store.slices import SliceSelection
from anofpdm.method.class_labels import NULL
from anofpdm.method.schedule import NoiseSchedule
from anofpdm.training.step.objective import Noising

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FOLDER = "samples"
SEED = 4711
GUIDANCE = 2.0
HEALTHY_LABEL = 0
TITLES = ("slice $x_0$", "noised $x_t$", "unguided", "healthy-guided", "gap")


class Samples:
    """The same slices, noise and noise level every time, so that pictures compare.

    Parameters
    ----------
    selection : SliceSelection
        Held-out slices; half of those shown are unhealthy, where there are any.
    count : int
        Maximum number of slices.
    noising : Noising
        Noise levels.
    schedule : NoiseSchedule
        The same levels, for Eq. 7 and 10.
    device : torch.device
        Where the network runs.
    """

    def __init__(
        self,
        selection: SliceSelection,
        count: int,
        noising: Noising,
        schedule: NoiseSchedule,
        device: torch.device,
    ) -> None:
        chosen = sample_slices(selection.labels, count)
        # Slices are read in their order in the dataset, and shown the unhealthy ones first.
        order = np.argsort(chosen)
        images = selection.dataset.read("images", selection.positions[chosen[order]])
        self._images = torch.from_numpy(images[np.argsort(order)].astype(np.float32))
        self._labels = selection.labels[chosen]
        self._channel = selection.dataset.modalities.index(selection.dataset.scored[0])
        self._noise = torch.randn(self._images.shape, generator=torch.Generator().manual_seed(SEED))
        self._t = max(1, noising.num_steps * 3 // 10)
        self._noising, self._schedule, self._device = noising, schedule, device

    @torch.inference_mode()
    def draw(
        self, network: nn.Module, run: Path, step: int, *, bfloat16: bool
    ) -> NDArray[np.uint8]:
        """Write `run/samples/step-N.png` of a network's predictions.

        Parameters
        ----------
        network : Module
            Evaluated in its evaluation mode; the mode is put back afterwards.
        run : Path
            The run's folder.
        step : int
            Steps done.
        bfloat16 : bool
            Autocast, as in training.

        Returns
        -------
        ndarray (H, W, 3)
            The picture.

        Raises
        ------
        OutputError
            When it cannot be written.
        """
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.image import imsave

        was_training = network.training
        network.eval()
        columns = self._predictions(network, bfloat16)
        network.train(was_training)
        canvas = FigureCanvasAgg(self._figure(columns, step))
        canvas.draw()  # type: ignore[no-untyped-call]
        pixels = np.asarray(canvas.buffer_rgba())[..., :3].copy()  # type: ignore[no-untyped-call]
        with atomic_path(run / FOLDER / f"step-{step:08d}.png", overwrite=True) as pending:
            imsave(pending, pixels, format="png")
        return pixels

    def _predictions(self, network: nn.Module, bfloat16: bool) -> list[NDArray[np.float32]]:
        """x_0, x_t, both predictions and the gap, each (S, H, W), of the scored modality."""
        count, t, schedule = len(self._images), self._t, self._schedule
        images, noise = self._images.to(self._device), self._noise.to(self._device)
        index = torch.full((count,), t - 1, device=self._device)
        healthy = torch.full_like(index, HEALTHY_LABEL)
        x_t = self._noising.at(images, noise, index, healthy).x_t
        with torch.autocast(self._device.type, torch.bfloat16, enabled=bfloat16):
            eps_healthy = network(x_t, index, healthy).float()
            eps_null = network(x_t, index, torch.full_like(index, NULL)).float()
        unguided = schedule.predict_x0(x_t, eps_null, t)
        guided = unguided - schedule.a(t) * (1 + GUIDANCE) * (eps_healthy - eps_null)
        unguided, guided = unguided.clamp(-1, 1), guided.clamp(-1, 1)
        return [self._shown(v) for v in (images, x_t, unguided, guided, guided - unguided)]

    def _shown(self, values: Tensor) -> NDArray[np.float32]:
        shown: NDArray[np.float32] = values[:, self._channel].float().cpu().numpy()
        return shown

    def _figure(self, columns: list[NDArray[np.float32]], step: int) -> Figure:
        from matplotlib.figure import Figure

        rows, size = len(self._images), 1.7
        figure = Figure(figsize=(size * len(columns), size * rows + 0.7), dpi=100)
        top = 1 - 0.6 / (size * rows + 0.7)
        axes = figure.subplots(
            rows,
            len(columns),
            squeeze=False,
            gridspec_kw={
                "left": 0.05, "right": 0.99, "bottom": 0.01, "top": top, "wspace": 0.04,
                "hspace": 0.04,
            },
        )  # fmt: skip
        figure.text(
            0.05, 0.99, f"step {step}: t = {self._t}, w = {GUIDANCE:g}, moving average of the "
            "weights; red: signal removed by healthy guidance",
            fontsize=9, va="top",
        )  # fmt: skip
        widest = max(float(np.abs(columns[-1]).max()), 1e-6)
        for column, (values, title) in enumerate(zip(columns, TITLES, strict=True)):
            gap = column == len(columns) - 1
            limits = (-widest, widest) if gap else (-1.0, 1.0)
            for row in range(rows):
                axis = axes[row, column]
                axis.imshow(
                    values[row], cmap="RdBu" if gap else "gray", vmin=limits[0], vmax=limits[1]
                )
                axis.set_xticks([])
                axis.set_yticks([])
            axes[0, column].set_title(
                f"{title} ($\\pm${widest:.2g})" if gap else title, fontsize=9, pad=3
            )
        for row, label in enumerate(self._labels):
            axes[row, 0].set_ylabel(
                {0: "healthy", 1: "unhealthy"}.get(int(label), "unlabelled"), fontsize=9
            )
        return figure


def sample_slices(labels: NDArray[np.integer], count: int) -> NDArray[np.intp]:
    """Positions of at most `count` slices, half of them unhealthy where possible, spread evenly.

    Parameters
    ----------
    labels : ndarray (S,) int
        1 unhealthy; all others count as one kind.
    count : int
        How many to choose.
    """
    sick, well = np.flatnonzero(labels == 1), np.flatnonzero(labels != 1)
    from_sick = min(len(sick), max(count // 2, count - len(well)))
    from_well = min(len(well), count - from_sick)
    return np.concatenate([_spread(sick, from_sick), _spread(well, from_well)])


def _spread(positions: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """Choose `count` of the positions, each from the middle of its stretch."""
    middles = (np.arange(count) + 0.5) * len(positions) / max(count, 1)
    chosen: NDArray[np.intp] = positions[middles.astype(int)]
    return chosen
