"""The Curves panel: the slice in view and a strip of all slices."""
