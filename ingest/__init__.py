"""Ingest: from the log to the store, each event exactly once. The only code that writes history."""
