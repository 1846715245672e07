"""Runs that other tools made: their documents, and the rows of the tables that hold them."""
