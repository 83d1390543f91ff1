"""What the codes of methods and quantities are called in tables, captions and sentences."""

from .method import Method

SCALE = {
    "PAS": "arcsine",
    "PFT": "double arcsine",
    "PLO": "logit",
    "GLMM": "binomial-normal model",
    "beta-binomial": "beta-binomial model",
    "Bayes half-normal": "Bayes, half-normal prior",
    "Bayes half-cauchy": "Bayes, half-Cauchy prior",
}
TAU2_METHOD = {
    "DL": "DerSimonian-Laird",
    "DL2": "two-step DerSimonian-Laird",
    "PM": "Paule-Mandel",
    "REML": "REML",
    "ML": "maximum likelihood",
    "HE": "Hedges",
    "SJ": "Sidik-Jonkman",
    "HS": "Hunter-Schmidt",
    "HSk": "Hunter-Schmidt with k / (k - 1)",
    "HM": "Hartung-Makambi",
    "CE": "common effect",
    "none": "–",
}
CI_METHOD = {
    "wald": "Wald",
    "t": "t with k - 1 df",
    "hartung-knapp": "Hartung-Knapp",
    "hartung-knapp-adhoc": "Hartung-Knapp, never narrower",
    "credible": "credible interval",
}
INVERSE = {
    "harmonic": "harmonic mean of n",
    "geometric": "geometric mean of n",
    "arithmetic": "arithmetic mean of n",
    "inverse-variance": "n of the inverse variance",
    "sin2": "plain sin²",
    "none": "–",
}
STUDY_CI = {"exact": "exact (Clopper-Pearson)", "wilson": "Wilson"}
QUANTITY = {
    "estimate": "pooled rate, %",
    "lower": "95% CI, lower limit, %",
    "upper": "95% CI, upper limit, %",
    "pi_lower": "95% prediction interval (k - 2), lower limit, %",
    "pi_upper": "95% prediction interval (k - 2), upper limit, %",
    "tau2": "tau², transformed scale",
    "tau2_lower": "tau², lower 95% limit (Q-profile)",
    "tau2_upper": "tau², upper 95% limit (Q-profile)",
    "I2": "I², %",
    "I2_lower": "I², lower 95% limit (Q-profile), %",
    "I2_upper": "I², upper 95% limit (Q-profile), %",
    "Q": "Cochran's Q",
    "p_Q": "p of Q",
}


def words(method: Method) -> str:
    """A method in words: "arcsine, DerSimonian-Laird, Wald"."""
    parts = [SCALE[method.scale], TAU2_METHOD[method.tau2_method], CI_METHOD[method.ci_method]]
    if method.scale == "PFT":
        parts.insert(1, f"taken back at the {INVERSE[method.inverse]}")
    return ", ".join(p for p in parts if p != "–")
