"""Tournaments: who meets whom, who wins, who leads and how surely."""
