"""Pictures of a result to show to others: figures, films and surfaces."""
