"""What several commands share: options, console, exit codes, summaries, running as a job.

Imports no command.
"""
