"""The Explore panel: settings, lesions, reference mask."""
