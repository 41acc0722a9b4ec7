"""The user's edgekit.toml: reading it, and what a change to it loosens."""
