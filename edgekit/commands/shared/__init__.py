"""What several commands have in common: options, their groups, reporting."""
