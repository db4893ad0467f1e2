"""What every room uses and what knows no brain: errors, whole files, locks, processes, devices.

Imports nothing of the project.
"""
