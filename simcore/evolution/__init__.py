"""Strategies bred over generations: training on fresh markets, promotion on sealed ones.

A generation is a pure function of its document, its number and the generation before it.
"""
