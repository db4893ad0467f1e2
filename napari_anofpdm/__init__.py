"""The napari plugin: a thin skin over the core package `anofpdm`."""
