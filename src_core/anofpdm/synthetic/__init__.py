"""Synthetic subjects: brains with lesions of known place, drawn from the ICBM152 tissue maps.

Imports `datasets`, `scans` and `common`.
"""

from anofpdm.synthetic.phantom import Phantom, make_phantom, write_phantom

__all__ = ["Phantom", "make_phantom", "write_phantom"]
