"""``edgekit studio``: a local web page to try models, compare them and look into them."""
