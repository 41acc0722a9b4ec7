"""Defines the colours of figures and pages, which are distinguishable in grayscale and for the colour-blind."""

from __future__ import annotations

#: Colours on a white page and in every PNG.
LIGHT = {
    "page": "#ffffff",
    "card": "#f6f7f9",
    "text": "#1b1f24",
    "muted": "#5a6472",
    "faint": "#7d8794",
    "line": "#dfe3e8",
    "before": "#9a6fe0",
    "after": "#0b5d45",
    "good": "#2f7fe6",
    "bad": "#b3260c",
    "warn": "#8a5a00",
}
#: Colours on a dark page.
DARK = {
    "page": "#14171c",
    "card": "#1d2229",
    "text": "#e8ebef",
    "muted": "#a3adba",
    "faint": "#8b95a3",
    "line": "#333b46",
    "before": "#9d7bf0",
    "after": "#6fe6bb",
    "good": "#9cc4ff",
    "bad": "#ff7350",
    "warn": "#e3b341",
}
#: Marks that are distinguishable without colour, in order of use.
MARKERS = ("o", "s", "D", "^", "v", "P", "h", "<", ">", "p")
#: Colours of classes in images, under white text.
CLASS_COLORS = (
    *("#c2410c", "#1d4ed8", "#15803d", "#a21caf", "#b45309", "#0f766e", "#be123c", "#4338ca", "#4d7c0f", "#9d174d"),
    *("#0369a1", "#7c2d12"),
)
