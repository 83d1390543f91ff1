"""Notebook 04: each analysis as one call, over one vector of counts or over every possible one.

Each analysis takes `Rows` and gives `Shown`: what the notebook displays, and the facts of its
sentence. May import `metaprop`, `tables`, `studies` and `figures`.

rows
    What is analysed.

methods.py
    It is pooled in other ways.
prior
    It is pooled under priors.
new_study.py
    What is said of a new study.
single_rows
    Rows are taken away.
groups
    Rows are compared.
everywhere
    All of it for both endpoints and populations.
"""

from .everywhere import choices_of_rows, everywhere, overview
from .groups import bubbles, compare
from .methods import choices, curve, estimators, likelihoods, movers, scales
from .new_study import new_study
from .prior import posteriors, shrinkage, tau
from .rows import Rows, Shown, described, documented, every_vector
from .single_rows import baujat, diagnostics, leave_one_out, radial

__all__ = [
    "Rows",
    "Shown",
    "baujat",
    "bubbles",
    "choices",
    "choices_of_rows",
    "compare",
    "curve",
    "described",
    "diagnostics",
    "documented",
    "estimators",
    "every_vector",
    "everywhere",
    "leave_one_out",
    "likelihoods",
    "movers",
    "new_study",
    "overview",
    "posteriors",
    "radial",
    "scales",
    "shrinkage",
    "tau",
]
