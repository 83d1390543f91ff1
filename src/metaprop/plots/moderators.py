"""Pictures of a covariate beside the effects, and of tau under its prior."""

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from ..bayes import Posterior, prior_density
from ..bayes_binomial import BinomialPosterior
from ..effectsize import Array, back_transform
from ..method import PRIORS
from ..moderators import Regression
from .style import BLACK, BLUE, COLUMN, GREEN, GREY, LIGHT, ORANGE, PAGE, STYLE, new_figure


def bubbles(
    parts: Mapping[str, tuple[Array, Array, Array, Regression]], scale: str, title: str, unit: str
) -> Figure:
    """Bubble plots of meta-regressions on one centred covariate each, side by side.

    Parameters
    ----------
    parts : mapping
        Covariate: its values (k,), effects, sampling variances, and the fit on an intercept and the
        covariate less its mean.
    scale : str
        Transformation of the effects. Without a sample size PFT is drawn by the plain sine.
    title, unit : str
        Title, and label of the vertical axis.
    """
    with mpl.rc_context(STYLE):
        fig = new_figure(PAGE if len(parts) > 1 else COLUMN, 2.7)
        axes = fig.subplots(1, len(parts), sharey=True, squeeze=False)[0]
        fig.subplots_adjust(
            left=0.09 if len(parts) > 1 else 0.17, right=0.985, top=0.88, bottom=0.17
        )
        for ax, (name, (z, y, v, fit)) in zip(axes, parts.items(), strict=True):
            room = 0.06 * np.ptp(z)
            line = np.linspace(z.min() - room, z.max() + room, 101)
            middle, half = _band(fit, line - z.mean())
            low, mid, high = (
                100 * back_transform(e, scale) for e in (middle - half, middle, middle + half)
            )
            ax.fill_between(line, low, high, color=LIGHT, lw=0, zorder=0)
            ax.plot(line, mid, color=BLACK, lw=0.9)
            weight = 1 / (v + fit.tau2)
            area = 8 + 90 * weight / weight.max()
            ax.scatter(z, 100 * back_transform(y, scale), area, facecolor="none", edgecolor=BLUE,
                       lw=1.1, zorder=3, clip_on=False)  # fmt: skip
            ax.set(xlabel=name, xlim=(line[0], line[-1]), ylim=(0, None))
            ax.xaxis.set_major_locator(mpl.ticker.MaxNLocator(4, integer=bool((z % 1 == 0).all())))
        axes[0].set_ylabel(unit)
        fig.text(0.01, 0.985, title, va="top", weight="bold", size=9)
    return fig


def _band(fit: Regression, z: Array) -> tuple[Array, Array]:
    """Fitted effects at z and half the width of their pointwise confidence band."""
    design = np.column_stack([np.ones(len(z)), z])
    quantile = (fit.upper - fit.coefficients)[0] / fit.se[0]
    return design @ fit.coefficients, quantile * np.sqrt(((design @ fit.cov) * design).sum(-1))


def tau_density(
    posteriors: Mapping[str, Posterior | BinomialPosterior], scale: float, title: str
) -> Figure:
    """Posterior density of tau under each prior, and the prior itself, dashed.

    Parameters
    ----------
    posteriors : mapping
        Prior: posterior under it. A name that is no prior is drawn without one.
    scale : float
        Scale of the priors.
    title : str
    """
    with mpl.rc_context(STYLE):
        fig = new_figure(COLUMN, 3.0)
        ax = fig.add_axes((0.13, 0.17, 0.85, 0.71))
        end = 1.25 * max(float(p.tau.upper) for p in posteriors.values())
        across = np.linspace(0, end, 401)
        # A width each as well as a colour: told apart in grey, and dashes are the priors'.
        lines = zip((BLUE, ORANGE, GREEN), (2.6, 1.3, 0.7), strict=True)
        for (name, p), (colour, lw) in zip(posteriors.items(), lines, strict=False):
            ax.plot(across, np.interp(across, p.grid, p.density), color=colour, lw=lw, label=name)
            if name in PRIORS:
                prior = prior_density(name, across, scale)
                ax.plot(across, prior, color=colour, lw=lw * 0.7, ls="--")
        ax.plot([], [], color=GREY, lw=0.9, ls="--", label="prior alone")
        top = 1.5 * max(float(p.density.max()) for p in posteriors.values())  # the legend's room
        ax.set(xlim=(0, end), ylim=(0, top), xlabel="τ (radians)", ylabel="density")
        ax.legend(loc="upper right")
        fig.text(0.02, 0.985, title, va="top", weight="bold", size=9)
    return fig
