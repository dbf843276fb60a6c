"""The command line: one module per command; what they share is in `session`, `options` and `text`."""
