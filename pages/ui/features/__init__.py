"""Parts of the feature browser: the ways to look for a feature."""
