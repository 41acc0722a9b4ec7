"""``edgekit studio``: a local web page to try, compare and inspect models."""
