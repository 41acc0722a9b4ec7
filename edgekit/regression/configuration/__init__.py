"""The configuration of ``edgekit check``: reading it, and finding changes that loosen it."""
