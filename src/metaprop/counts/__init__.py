"""What a printed pooled result says of the counts behind it: the identified set, exactly.

It may import `metaprop` outside `plots`; each module may import those above it.

bounds
    What a printed number demands of sums over the rows (`Constraint`, `Model`, `Piece`).
search
    The compiled depth-first search over vectors of counts.
solve
    The search as one call, on this machine or a cluster.
equations
    What an estimator of tau² says of sums over the rows, on any scale.
sums
    What printed numbers on any scale say of sums over the rows.
distance
    How far what effects give is from what is printed.
joint
    The compiled search under several printed results at once.
pairs
    Pieces of tau² of two results that cannot hold together.
walk
    A random walk to one vector that prints as printed.
several
    One method's search: what follows at once, a listing, a walk.
ranges
    All vectors, or the range of each count, exact or as an outer bound.
"""
