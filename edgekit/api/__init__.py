"""The functions of ``import edgekit``, which the commands call, too; importing a module of these loads little."""
