"""Code that several commands share: options, option groups, reporting."""
