"""Surfaces of lesions and brain in 3-D, in the fourth quarter of the three planes."""
