"""One file for each command of `anofpdm`.

Imports `cli.shared`; the work is imported when a command runs.
"""
