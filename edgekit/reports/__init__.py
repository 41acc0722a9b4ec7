"""Tables, JSON and figures."""
