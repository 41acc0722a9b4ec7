"""The checks of an audit, grouped by what they look at; ``edgekit.auditing.registry`` lists them."""
