"""The committed record that a candidate is compared with."""
