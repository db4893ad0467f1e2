"""Form fields and boxes that do not depend on the session.

Imports `host`.
"""
