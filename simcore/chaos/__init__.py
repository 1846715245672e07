"""The chaos campaign: its calendar of injections, its independent judges and its verdict."""
