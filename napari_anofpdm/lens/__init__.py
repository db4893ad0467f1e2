"""The lens: another picture of the slice inside a circle round the pointer."""
