"""Batches larger than any test: their documents, and what they cost."""
