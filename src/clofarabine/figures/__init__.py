"""Pictures of this paper, and saving one; a documented count is solid, a reconstructed one hollow.

Each function takes numbers and returns a figure; plots of any meta-analysis are `metaprop.plots`.
May import these and, to save, `tables`.

save
    `show`: saves a figure as SVG and PNG and returns what a notebook displays.
selection
    The flow of studies, and patient characteristics.
reconstruction
    Methods that are left, known counts, what overturns a conclusion (notebook 02).
sensitivity
    Captions and pictures of notebook 04.
safety
    Adverse events.
claims
    The map of all claims.
validation
    What a printed result tells (notebook 08).
"""

from metaprop.plots.style import Picture, draw

from .claims import claims_map
from .safety import event_heatmap, event_rates
from .save import show
from .selection import characteristics, selection_flow

__all__ = [
    "Picture",
    "characteristics",
    "claims_map",
    "draw",
    "event_heatmap",
    "event_rates",
    "selection_flow",
    "show",
]
