"""Scores: what a run is worth."""
