"""The checks of an audit, grouped by what they examine; ``edgekit.auditing.registry`` lists them."""
