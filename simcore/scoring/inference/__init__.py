"""Tests over many strategies at once: who beats a benchmark, and who may be the best."""
