"""A reader's review of the lesions: verdicts, notes, and the file that keeps them."""
