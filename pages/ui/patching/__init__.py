"""The patching page's parts."""
