"""Methods that can be evaluated side by side: AnoFPDM in its variants, rivals, baselines.

Imports the rest of `evaluation`, and what that imports.
"""
