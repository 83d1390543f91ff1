"""What a printed pooled result says of the counts behind it: the identified set, exactly.

It may import `metaprop` outside `plots`; each module may import those above it.

bounds
    What a printed number demands of sums over the rows (`Constraint`, `Model`, `Piece`).
search
    The compiled depth-first search over vectors of counts.
solve
    The search as one call, on this machine or a cluster.
"""
