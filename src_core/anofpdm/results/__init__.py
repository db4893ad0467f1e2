"""Results on the scan's own voxels: mask, map, lesions, report, scores.

Imports `analysis` and what lies below it.
"""
