"""Brain extraction: one file a tool, and the choice among them."""
