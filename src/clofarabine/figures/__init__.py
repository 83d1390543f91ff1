"""Drawing, and nothing but drawing: each function takes numbers and returns a figure.

Colours are the Okabe-Ito set (Okabe & Ito 2008), told apart in grey by marker, fill or hatch as
well. A documented count is a solid marker, a reconstructed one hollow.
"""

from .bias import funnel
from .forest import forest
from .identified import count_ranges, intervals, method_grid, strips, together
from .picture import Picture, show
from .selection import characteristics, selection_flow

__all__ = [
    "Picture",
    "characteristics",
    "count_ranges",
    "forest",
    "funnel",
    "intervals",
    "method_grid",
    "selection_flow",
    "show",
    "strips",
    "together",
]
