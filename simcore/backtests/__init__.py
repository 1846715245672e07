"""Backtests: what is asked of the engine, and what it answers."""
