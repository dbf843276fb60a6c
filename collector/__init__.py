"""Capture: from a cluster's LIST and WATCH to change events, without loss. Only this code talks to a Kubernetes API.

It only reads.
"""
