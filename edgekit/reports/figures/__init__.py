"""Draws figures as PNG files and as SVG for HTML pages."""
