"""Rulers and regions on the canvases: drawn with the mouse, shown, and measured."""
