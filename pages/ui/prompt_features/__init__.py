"""Parts of the Prompt features page."""
