"""What each runtime can run, and the check of a model against it."""
