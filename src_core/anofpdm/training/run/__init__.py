"""A run from its start to its bundle: checkpoints, stops, resumption, several processes, cost.

Imports the other rooms of `training`, and the rooms below it.
"""
