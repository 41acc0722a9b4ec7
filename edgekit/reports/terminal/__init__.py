"""Results on the terminal: tables and sentences."""
