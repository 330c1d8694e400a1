"""The ablate page's parts."""
