"""How long the tests wait for what is bound to come."""

LONG = 120_000  # ms; a busy machine must not fail a test
