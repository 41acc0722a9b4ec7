"""Figures as PNG files and as SVG inside HTML pages."""
