"""The history as a Kubernetes API server, read-only, at one moment or now: for kubectl, k9s and client libraries."""
