"""The panel Curves: the slice in view and a strip of all slices."""
