"""Ratings from games and places: strengths, and how sure they are."""
