"""Plots of a meta-analysis: a table in, a matplotlib Figure out."""
