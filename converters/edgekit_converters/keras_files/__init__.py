"""Open, scan, upgrade, load: a Keras file of any age becomes a Keras 3 model, safely."""
