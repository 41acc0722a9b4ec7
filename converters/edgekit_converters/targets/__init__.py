"""The operators that each runtime can run, and checks of a model against them."""
