"""Fitting a network, and the run folder that holds all that it made."""
