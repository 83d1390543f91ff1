"""One verdict for every number that the paper prints."""
