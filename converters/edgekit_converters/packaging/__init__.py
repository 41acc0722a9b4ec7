"""Labels and manifest packed behind the FlatBuffer: one file goes to the device."""
