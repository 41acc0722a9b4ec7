"""The reference CNN and how it is trained."""
