"""What several panels share: the names of scan and model above a result, and the page without one.

Imports no panel.
"""
