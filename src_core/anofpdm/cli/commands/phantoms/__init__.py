"""The commands that write synthetic subjects: one, or a dataset of them."""
