"""Strategies: documents whose rules are text, compiled to flat programs that cannot look ahead."""
