"""Answers: state at a time, history, diffs, coverage and feeds, as functions, HTTP API and web pages."""
