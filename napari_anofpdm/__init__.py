"""The napari plugin: the user interface of the core package `anofpdm`."""
