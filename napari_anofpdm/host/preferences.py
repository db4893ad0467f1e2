"""The user's preferences: what the page Preferences > AnoFPDM holds, typed and with defaults."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from anofpdm.common.user_path import user_path

if TYPE_CHECKING:
    from anofpdm.common.device import DeviceName
    from anofpdm.model.bundle import Precision

PLUGIN = "napari-anofpdm"
_GIB = 1 << 30


@dataclass(frozen=True)
class RunPreferences:
    """What the Analyse panel starts with.

    Attributes
    ----------
    bundle : str
        Name or path of the model bundle.
    device : {"auto", "cpu", "cuda", "mps"}
    precision : {"float32", "bfloat16"}
        What the network computes in.
    memory_limit_gib : float
        Analyses above this many GiB go to disk; 0 leaves it to the engine (half of what is free).
    slices_per_call : int
        Slices a network call; 0 takes as many as fit.
    """

    bundle: str = "flair-synth"
    device: DeviceName = "auto"
    precision: Precision = "float32"
    memory_limit_gib: float = 0.0
    slices_per_call: int = 0

    @property
    def memory_limit(self) -> int | None:
        """Bytes an analysis may take in memory; None leaves it to the engine."""
        return round(self.memory_limit_gib * _GIB) or None

    @property
    def batch_size(self) -> int | None:
        """The engine's `batch_size`; None takes as many slices as fit."""
        return self.slices_per_call or None


@dataclass(frozen=True)
class FolderPreferences:
    """Folders as the user wrote them, "" where the default of the page's text holds.

    Attributes
    ----------
    bundles : str
        Where the Analyse panel's file dialog starts.
    analyses : str
        Where analyses too large for memory are kept.
    exports : str
        Where the Export panel writes.
    """

    bundles: str = ""
    analyses: str = ""
    exports: str = ""


def run_preferences() -> RunPreferences:
    """Return the preferences for runs, as they are now."""
    return RunPreferences(**_stored("runs", RunPreferences))


def remember_bundle(bundle: str) -> None:
    """Make a bundle, by its name or path, the one that the Analyse panel starts with.

    Raises
    ------
    SettingsError
        When the plugin is disabled in this napari.
    """
    from napari.settings import get_plugin_settings

    from anofpdm.common.errors import SettingsError

    try:
        get_plugin_settings(PLUGIN).runs.bundle = bundle
    except KeyError as error:
        raise SettingsError(
            "The plugin is disabled in this napari, which then remembers nothing for it; enable "
            "it in the plugin manager."
        ) from error


def folder(which: Literal["bundles", "analyses", "exports"]) -> Path | None:
    """Return a preferred folder, whether it exists or not, or None where the user named none."""
    named = FolderPreferences(**_stored("folders", FolderPreferences))
    text: str = getattr(named, which).strip()
    return user_path(text) if text else None


def _stored(section: str, holder: type[RunPreferences | FolderPreferences]) -> dict[str, Any]:
    """Values of one section of the page; none where napari knows no settings of the plugin."""
    from napari.settings import get_plugin_settings

    try:
        page = getattr(get_plugin_settings(PLUGIN), section)
    except KeyError:
        return {}  # the plugin's modules are used, but the plugin is disabled in this napari
    return {field.name: getattr(page, field.name) for field in fields(holder)}
