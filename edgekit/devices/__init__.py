"""Where a model can be run, and what is there."""
