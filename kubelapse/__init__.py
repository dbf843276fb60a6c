"""Composition: command line, settings and the ways to run the stages. The only package that imports every stage."""

__version__ = "0.1.0"
