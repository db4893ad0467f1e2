"""One package per panel; panels do not depend on each other.

A panel gets session, layers and run through its constructor, and emits signals for requests to
others. Imports everything but `io` and `app`.
"""
