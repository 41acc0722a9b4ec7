"""The rules of the gate, their thresholds, and the registry that names them."""
