"""Batches of slices on their way: shared calls of the network, copies from the device, keeping."""
