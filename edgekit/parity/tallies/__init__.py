"""Running figures over batches, one class per kind of output."""
