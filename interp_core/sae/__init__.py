"""Sparse autoencoders: loading, measuring, harvesting what their features fire on, and what removing one changes."""
