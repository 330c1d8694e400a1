"""Parts of the pages that look at an SAE and its features."""
