"""What printed this? Counts and methods that can have printed the results of a meta-analysis.

`which(rows, printed)` is the whole of it; `python -m metaprop counts` is the same on files.
It may import `metaprop`; each module may import those above it.

rounding
    What a printed number says of the number before it was rounded.
read
    The two tables, or an error that says file, row, column, found and expected.
problem
    What is printed of which rows, as intervals; the methods to try.
values
    The numbers that vectors of counts give under a method.
software
    Which software computes by a method.
answer
    Methods that remain, ranges, and the verdict in words.
outer
    What quantities cannot leave where vectors are not listed.
solve
    What is certain of the counts under one method.
quantities
    Ranges of tau², I² and prediction limits over all methods.
ask
    All methods, as one call.
write
    The answer as files.
"""

from .answer import Answer
from .ask import which

__all__ = ["Answer", "which"]
