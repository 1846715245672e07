"""Dagster assets: what a campaign makes, as a graph. Thin; the work is in `simcore`."""
