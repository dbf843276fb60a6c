"""The contract between the stages: events, patches, canonical form, rows, DDL and the store door. Imports no stage."""
