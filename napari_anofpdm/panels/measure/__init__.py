"""The panel that lists rulers and regions as a table."""
