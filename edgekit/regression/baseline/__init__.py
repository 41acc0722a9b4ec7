"""The stored state that a model is compared with."""
