"""The picture beside a report."""
