"""The panel Label: say which slices show disease."""
