"""Pictures of this paper, and saving one; a documented count is solid, a reconstructed one hollow.

Each function takes numbers and returns a figure. May import `metaprop.plots` and, to save,
`tables`.

save
    `show`: saves a figure as SVG and PNG and returns what a notebook displays.
selection
    The flow of studies, and patient characteristics.
sensitivity
    Captions and pictures of notebook 04.
safety
    Adverse events.
claims
    The map of all claims.
validation
    What a printed result tells (notebook 08).
"""

from metaprop.plots.counts import count_ranges, intervals, method_grid, strips, together
from metaprop.plots.forest import forest
from metaprop.plots.funnel import funnel, p_values, power_curve, trim_and_fill
from metaprop.plots.influence import baujat, influence_panel, pooled_list, radial
from metaprop.plots.specification_curve import multiverse, shrinkage
from metaprop.plots.style import Picture, draw

from .claims import claims_map
from .safety import event_heatmap, event_rates
from .save import show
from .selection import characteristics, selection_flow

__all__ = [
    "Picture",
    "baujat",
    "characteristics",
    "claims_map",
    "count_ranges",
    "draw",
    "event_heatmap",
    "event_rates",
    "forest",
    "funnel",
    "influence_panel",
    "intervals",
    "method_grid",
    "multiverse",
    "p_values",
    "pooled_list",
    "power_curve",
    "radial",
    "selection_flow",
    "show",
    "shrinkage",
    "strips",
    "together",
    "trim_and_fill",
]
