"""Jobs: long commands, each a folder on disk and a process that outlives whoever started it."""
