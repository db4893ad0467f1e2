"""The plots: curves, histogram, strip of slices. They know no session.

Imports `widgets`.
"""
