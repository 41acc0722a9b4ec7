"""Models on real devices: push, status and rollback over the user's own SSH configuration."""
