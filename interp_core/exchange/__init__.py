"""Dashboards of features as files, ours and Neuronpedia's: written for others, and read from others, of whom none is trusted."""
