"""One room for each panel; panels do not know each other.

Imports everything but `app`.
"""
