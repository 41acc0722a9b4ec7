"""Installed models: named slots on a device, each with its versions, the current one, and a log."""
