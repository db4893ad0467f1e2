"""The panel Explore: settings, lesions, reference mask."""
