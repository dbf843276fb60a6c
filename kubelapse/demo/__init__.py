"""The demo: a recorded incident, loaded into a store as if it had just happened."""
