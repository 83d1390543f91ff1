"""Plots of a meta-analysis: a table in, a matplotlib Figure out; nothing is computed or saved.

Colours are the Okabe-Ito set (Okabe & Ito 2008), told apart in grey by marker, fill or hatch as
well. May import `metaprop.labels` and no statistics.

style
    The one style sheet, and a drawing as a notebook shows it.
forest
    Forest plots.
funnel
    Funnels, p values, power, trim and fill.
influence
    Baujat, radial, influence, pooled estimates in a row.
moderators
    Bubble plots.
specification_curve
    Specification curves and shrinkage.
counts
    Identified counts, methods, breakdown distances.
"""
