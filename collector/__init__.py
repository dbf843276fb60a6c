"""Capture: from a cluster's LIST and WATCH to change events, without loss. The only code that talks to the Kubernetes API."""
