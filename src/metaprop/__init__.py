"""Meta-analysis of proportions: arrays in, arrays out; no paper, no file, no notebook."""
