"""DICOM: series found in folders, archives and DICOMDIRs, and read as volumes.

Needs pydicom (the extra `dicom`). Imports `common`, and `scans` for names of contrasts.
"""
