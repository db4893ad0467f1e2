"""Anomaly segmentation in brain MRI with the forward process of diffusion models (AnoFPDM).

The names below load on first use (PEP 562), so that importing the package costs next to nothing:
PyTorch comes in only when a network is needed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anofpdm.analysis import Analysis
    from anofpdm.bundle import ModelBundle, load_bundle
    from anofpdm.engine import analyze
    from anofpdm.errors import AnofpdmError
    from anofpdm.guidance import select_guidance
    from anofpdm.interpretation import Interpretation, interpret
    from anofpdm.registry import list_bundles
    from anofpdm.settings import Settings
    from anofpdm.synthetic import make_phantom
    from anofpdm.volume import Volume, read_volume, write_nifti

    __version__: str

__all__ = [
    "Analysis",
    "AnofpdmError",
    "Interpretation",
    "ModelBundle",
    "Settings",
    "Volume",
    "__version__",
    "analyze",
    "interpret",
    "list_bundles",
    "load_bundle",
    "make_phantom",
    "read_volume",
    "select_guidance",
    "write_nifti",
]

_MODULE_OF = {
    "Analysis": "analysis",
    "AnofpdmError": "errors",
    "Interpretation": "interpretation",
    "ModelBundle": "bundle",
    "Settings": "settings",
    "Volume": "volume",
    "analyze": "engine",
    "interpret": "interpretation",
    "list_bundles": "registry",
    "load_bundle": "bundle",
    "make_phantom": "synthetic",
    "read_volume": "volume",
    "select_guidance": "guidance",
    "write_nifti": "volume",
}


def __getattr__(name: str) -> object:
    """Load a public name on its first use and keep it."""
    value: object
    if name == "__version__":
        from importlib.metadata import version

        value = version("napari-anofpdm")
    elif name in _MODULE_OF:
        value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Name the lazy attributes beside those that are loaded."""
    return sorted({*globals(), *__all__})
