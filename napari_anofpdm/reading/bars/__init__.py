"""The toolbars over and under the canvas."""
