"""Opens, scans, upgrades and loads Keras files: a file of any age safely becomes a Keras 3 model."""
