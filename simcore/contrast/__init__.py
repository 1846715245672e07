"""Runs set beside each other: the first decision in which they differ, then their metrics."""
