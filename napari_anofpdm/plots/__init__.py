"""The plots: curves, histogram, strip of slices. They do not depend on the session.

Imports `widgets`.
"""
