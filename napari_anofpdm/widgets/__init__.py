"""Fields and boxes for forms; they know no session.

Imports `host`.
"""
