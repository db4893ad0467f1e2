"""Shared by several commands: options, console, exit codes, summaries, running as a job.

Imports no command.
"""
