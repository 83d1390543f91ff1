"""Plots of a meta-analysis: a table or a fit in, a matplotlib Figure out; nothing is estimated.

Colours are the Okabe-Ito set (Okabe & Ito 2008), told apart in grey by marker, fill or hatch as
well. May import `metaprop`, for the types of what it draws, a prior and ways back to a rate.

style
    The one style sheet, and a drawing as a notebook shows it.
forest
    Forest plots.
funnel
    Funnels, p values, power, trim and fill.
influence
    Baujat, radial, influence, pooled estimates in a row.
moderators
    Bubble plots; tau under its priors.
specification_curve
    Specification curves and shrinkage.
counts
    Identified counts and what they leave of a number.
"""
