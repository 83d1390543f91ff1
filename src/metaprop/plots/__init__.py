"""Plots of a meta-analysis: a table in, a matplotlib Figure out; nothing is computed or saved.

style : the one style sheet, and a drawing as a notebook shows it. forest, funnel, influence,
specification_curve, counts : one kind of plot each. Colours are the Okabe-Ito set (Okabe & Ito
2008), told apart in grey by marker, fill or hatch as well. May import `metaprop.labels` and no
statistics.
"""
