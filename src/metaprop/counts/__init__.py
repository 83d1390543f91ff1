"""What printed pooled results say of the counts behind them: the identified set, exactly.

It may import `metaprop` outside `plots`; each module may import those above it.

statement
    A pooled result as printed: rows, method, intervals (`Printed`).
equations
    What an estimator of tau² says of sums over the rows.
least
    The least sum of squares that one count implies.
sums
    What printed numbers say of sums over the rows.
distance
    Whether effects print as printed, and how far they are from it.
tighten
    What such sums leave out before any count is set.
vectors
    Many vectors at once: in order, different, below others.
tables
    The tables of one result, and the counts that they leave out.
arrays
    What the compiled search takes.
joint
    The compiled depth-first search over vectors of counts.
pairs
    Pieces of tau² of two results that cannot hold together.
walk
    A random walk to one vector that prints as printed.
several
    One method's search: what follows at once, a listing, a walk.
cases
    Pieces of tau², ranges of means and counts: cases of a tree.
relax
    Linear programmes over mixtures of counts: a proof, or a start.
witness
    Whether a method has a vector at all: listed, found by a walk, or refuted.
solve
    All vectors of one result as one call, on this machine or a cluster.
ranges
    The range of each count over many methods, exact or as an outer bound.
"""
