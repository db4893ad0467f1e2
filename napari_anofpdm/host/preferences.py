"""The user's preferences (page Preferences > AnoFPDM), typed and with defaults."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Union

from anofpdm.common.user_path import user_path

if TYPE_CHECKING:
    from anofpdm.common.device import DeviceName
    from anofpdm.model.precision import Precision

PLUGIN = "napari-anofpdm"
_Section = Union["RunPreferences", "FolderPreferences", "OverlayPreferences"]
_GIB = 1 << 30


@dataclass(frozen=True)
class RunPreferences:
    """Initial values of the Analyse panel.

    Attributes
    ----------
    bundle : str
        Name or path of the model bundle.
    device : {"auto", "cpu", "cuda", "mps"}
    precision : {"auto", "float32", "tf32", "float16", "bfloat16"}
        Number format of the network's computation.
    memory_limit_gib : float
        Analyses larger than this many GiB are stored on disk; 0 lets the engine decide (half of
        the free memory).
    slices_per_call : int
        Slices per network call; 0 takes as many as fit.
    """

    bundle: str = "flair-synth"
    device: DeviceName = "auto"
    precision: Precision = "auto"
    memory_limit_gib: float = 0.0
    slices_per_call: int = 0

    @property
    def memory_limit(self) -> int | None:
        """Bytes an analysis may take in memory; None lets the engine decide."""
        return round(self.memory_limit_gib * _GIB) or None

    @property
    def batch_size(self) -> int | None:
        """The engine's `batch_size`; None takes as many slices as fit."""
        return self.slices_per_call or None


@dataclass(frozen=True)
class FolderPreferences:
    """Folders as the user typed them; "" means the default that the page names.

    Attributes
    ----------
    bundles : str
        Where the Analyse panel's file dialog starts.
    analyses : str
        Where analyses too large for memory are stored.
    exports : str
        Where the Export panel writes.
    """

    bundles: str = ""
    analyses: str = ""
    exports: str = ""


@dataclass(frozen=True)
class OverlayPreferences:
    """How map and mask are drawn over the scan.

    Attributes
    ----------
    map_opacity, mask_opacity : float
        0 to 1.
    colour_map : str
        Of the map: a colormap of napari that is even for any colour vision.
    map_low, map_high : float
        The values of the map with the first and the last colour; both 0: fitted to each map.
    colour_bar : bool
    mask_style : {"contour", "fill"}
    mask_colour : str
        "#rrggbb".
    smooth : bool
        Whether the coronal and the sagittal one of three planes smooth thick slices.
    """

    map_opacity: float = 0.8
    colour_map: str = "inferno"
    map_low: float = 0.0
    map_high: float = 0.0
    colour_bar: bool = False
    mask_style: Literal["contour", "fill"] = "contour"
    mask_opacity: float = 1.0
    mask_colour: str = "#2dd4ff"
    smooth: bool = True

    @property
    def limits(self) -> tuple[float, float] | None:
        """The values with the first and the last colour; None fits them to each map."""
        return (self.map_low, self.map_high) if self.map_high > self.map_low else None


def overlay_preferences() -> OverlayPreferences:
    """Return how map and mask were drawn last."""
    return OverlayPreferences(**_stored("overlays", OverlayPreferences))


def remember_overlays(chosen: OverlayPreferences) -> None:
    """Store how map and mask are drawn; without the plugin's settings nothing happens."""
    from napari.settings import get_plugin_settings

    try:
        page = get_plugin_settings(PLUGIN).overlays
    except KeyError:
        return  # the plugin is disabled in napari, but its modules are in use
    page.update({field.name: getattr(chosen, field.name) for field in fields(chosen)})


def run_preferences() -> RunPreferences:
    """Return the current preferences for runs."""
    return RunPreferences(**_stored("runs", RunPreferences))


def remember_bundle(bundle: str) -> None:
    """Store a bundle's name or path as the initial model of the Analyse panel.

    Raises
    ------
    SettingsError
        If the plugin is disabled in napari.
    """
    from napari.settings import get_plugin_settings

    from anofpdm.common.errors import SettingsError

    try:
        get_plugin_settings(PLUGIN).runs.bundle = bundle
    except KeyError as error:
        raise SettingsError(
            "The plugin is disabled, so napari cannot store its preferences; enable it in the "
            "plugin manager."
        ) from error


def folder(which: Literal["bundles", "analyses", "exports"]) -> Path | None:
    """Return a preferred folder, which need not exist, or None if the user set none."""
    named = FolderPreferences(**_stored("folders", FolderPreferences))
    text: str = getattr(named, which).strip()
    return user_path(text) if text else None


def _stored(section: str, holder: type[_Section]) -> dict[str, Any]:
    """Return one section of the page; empty if napari has no settings for the plugin."""
    from napari.settings import get_plugin_settings

    try:
        page = getattr(get_plugin_settings(PLUGIN), section)
    except KeyError:
        return {}  # the plugin is disabled in napari, but its modules are in use
    return {field.name: getattr(page, field.name) for field in fields(holder)}
