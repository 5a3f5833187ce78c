"""Thin adapters to the frameworks of others, one file each; a framework is imported by its own file only."""
