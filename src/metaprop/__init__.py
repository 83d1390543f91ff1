"""Meta-analysis of proportions: arrays in, arrays out. It knows no paper, no file and no notebook."""
