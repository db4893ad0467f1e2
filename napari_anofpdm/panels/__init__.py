"""One package per panel; panels do not depend on each other.

Imports everything but `app`.
"""
