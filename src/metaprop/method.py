"""A way to compute a meta-analysis of proportions, as one value.

Every estimator, interval and inverse that the package knows is listed here once, with its source.
"""

from dataclasses import dataclass, fields
from typing import Literal, get_args

from .effectsize import FURTHER, INVERSES, SCALES, choose

Tau2Method = Literal["DL", "DL2", "PM", "REML", "ML", "HE", "SJ", "HS", "HSk", "HM", "CE"]
CiMethod = Literal["wald", "t", "hartung-knapp", "hartung-knapp-adhoc"]

TAU2_METHODS: dict[str, str] = {
    "DL": "DerSimonian & Laird 1986",
    "DL2": "two-step DerSimonian-Laird (DerSimonian & Kacker 2007)",
    "PM": "Paule & Mandel 1982 (= empirical Bayes, Morris 1983)",
    "REML": "restricted maximum likelihood (Raudenbush 2009)",
    "ML": "maximum likelihood (Hardy & Thompson 1996)",
    "HE": "Hedges 1983 (variance component)",
    "SJ": "Sidik & Jonkman 2005, one step from the variance of y with divisor k",
    "HS": "Hunter & Schmidt 1990",
    "HSk": "Hunter & Schmidt with the factor k / (k - 1), as metafor has it (Brannick et al. 2019)",
    "HM": "Hartung & Makambi 2003 (positive wherever rows differ)",
    "CE": "common effect: tau² is 0 by assumption, not by estimate",
}
CI_METHODS: tuple[CiMethod, ...] = get_args(CiMethod)
# Models that need no transformation, and what stands in the place of a choice they do not have.
Likelihood = Literal["GLMM", "beta-binomial"]
Prior = Literal["half-normal", "half-cauchy"]
LIKELIHOODS: tuple[Likelihood, ...] = get_args(Likelihood)
PRIORS: tuple[Prior, ...] = get_args(Prior)
NONE = "none"
MODELS = (*SCALES, *LIKELIHOODS, *(f"Bayes {p}" for p in PRIORS))


@dataclass(frozen=True)
class Method:
    """One way to pool proportions.

    Parameters
    ----------
    scale : str
        A transformation (PAS, PFT, PLO), or a model that needs none (`MODELS`).
    tau2_method : str
        Estimator of the between-study variance, a key of `TAU2_METHODS`; "none" under a
        prior.
    ci_method : str
        Confidence interval, one of `CI_METHODS`; "credible" under a prior.
    inverse : str
        Way back from PFT, one of `effectsize.INVERSES`; it has no effect on another scale.
    rows : str
        Which rows are pooled, by name: what the names mean is for the caller to say.

    Raises
    ------
    ValueError
        With the valid values.
    """

    scale: str = "PAS"
    tau2_method: str = "DL"
    ci_method: str = "wald"
    inverse: str = "harmonic"
    rows: str = "all rows"

    def __post_init__(self) -> None:
        choose("scale", self.scale, MODELS if self.scale not in FURTHER else FURTHER)
        choose("tau2_method", self.tau2_method, (*TAU2_METHODS, NONE))
        choose("ci_method", self.ci_method, (*CI_METHODS, "credible"))
        choose("inverse", self.inverse, (*INVERSES, NONE))

    def __str__(self) -> str:
        return "/".join((self.tau2_method, self.ci_method, self.inverse, self.rows))


FIELDS: tuple[str, ...] = tuple(f.name for f in fields(Method))
