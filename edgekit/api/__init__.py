"""The functions of ``import edgekit``, which the commands call too; importing these modules is fast."""
