"""Scenarios: documents of markets, and the bars generated from them."""
