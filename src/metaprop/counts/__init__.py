"""What a printed pooled result says of the counts behind it: bounds, search, identified set."""
