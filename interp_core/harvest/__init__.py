"""One pass over a corpus gives everything that the dashboards of all features of an SAE need."""
