"""Anomaly segmentation in brain MRI with the forward process of diffusion models (AnoFPDM).

The names below load on first use (PEP 562), so that importing the package costs next to nothing:
PyTorch comes in only when a network is needed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anofpdm.analysis.analysis import Analysis
    from anofpdm.analysis.engine import analyze
    from anofpdm.common.errors import AnofpdmError
    from anofpdm.guidance.selection import select_guidance
    from anofpdm.method.interpretation import Interpretation, interpret
    from anofpdm.method.settings import Settings
    from anofpdm.model.bundle import ModelBundle, load_bundle
    from anofpdm.model.registry import list_bundles
    from anofpdm.results.native import to_native
    from anofpdm.scans.volume import Volume, read_volume, write_nifti
    from anofpdm.synthetic import make_phantom

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
    "to_native",
    "write_nifti",
]

_MODULE_OF = {
    "Analysis": "analysis.analysis",
    "AnofpdmError": "common.errors",
    "Interpretation": "method.interpretation",
    "ModelBundle": "model.bundle",
    "Settings": "method.settings",
    "Volume": "scans.volume",
    "analyze": "analysis.engine",
    "interpret": "method.interpretation",
    "list_bundles": "model.registry",
    "load_bundle": "model.bundle",
    "make_phantom": "synthetic",
    "read_volume": "scans.volume",
    "select_guidance": "guidance.selection",
    "to_native": "results.native",
    "write_nifti": "scans.volume",
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
