"""Two examinations of one patient: what was found, the run that finds it, and its layers."""
