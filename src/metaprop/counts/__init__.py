"""What a printed pooled result says of the counts behind it: the identified set, exactly.

bounds : what a printed number demands of sums over the rows (`Constraint`, `Model`, `Piece`).
search : the compiled depth-first search over vectors of counts. solve : the search as one call, on
this machine or a cluster. May import the modules of `metaprop`, in that order.
"""
