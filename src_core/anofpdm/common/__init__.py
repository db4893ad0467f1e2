"""General tools for all rooms: errors, atomic files, locks, processes, devices.

Imports nothing of the project.
"""
