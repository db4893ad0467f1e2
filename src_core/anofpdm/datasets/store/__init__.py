"""The slice dataset on disk: a Zarr folder, written whole and read slice by slice.

Imports `common`.
"""
