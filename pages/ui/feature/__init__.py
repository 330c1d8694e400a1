"""Parts of the Feature page."""
