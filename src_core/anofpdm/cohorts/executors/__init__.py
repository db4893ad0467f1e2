"""Where the scans of a cohort are worked on: in this process, or by Dask's workers."""
