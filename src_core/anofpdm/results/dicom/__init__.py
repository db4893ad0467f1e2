"""Results as DICOM: segmentations of mask and map, and a measurement report.

Needs highdicom (the extra `dicom`). Imports `scans`.
"""
