"""Where tasks are worked on: in this process, in others of this machine, or by Dask's workers."""
