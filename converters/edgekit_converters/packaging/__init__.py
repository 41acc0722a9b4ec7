"""Packs labels, manifest and more behind the FlatBuffer, so that one file goes to the device."""
