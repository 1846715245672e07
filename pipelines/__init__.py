"""Wiring of the assets: definitions, resources, sensors, and the commands that need them."""
