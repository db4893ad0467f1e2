"""One package per panel; panels do not depend on each other.

A panel gets session, layers and run through its constructor, and says by signals what it wants of
others. Imports everything but `io` and `app`.
"""
