"""Jobs: long commands that run in the background, each with a folder on disk."""
