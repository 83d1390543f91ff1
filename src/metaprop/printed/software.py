"""Which software computes by a method: on its own (tier 1) or when asked to (tier 2).

A small table with sources. What is not in it was not looked up: the columns stay empty, which
says nothing against the method.
"""

from dataclasses import dataclass

from ..method import Method


@dataclass(frozen=True)
class _Default:
    scales: tuple[str, ...]
    tau2_method: str
    software: str


# github.com/guido-s/meta NEWS.md, entry meta 5.0-0 (2021-10-11): REML in place of DL; R/metaprop.R
# (commit 025947f): inverse variance with classic intervals by default, double arcsine taken back at
# the harmonic mean. metafor 3.8-1: rma.uni's defaults as installed (method REML, test z), scales of
# escalc, transf.ipft.hm. PLOGIT is meta's GLMM unless method = "Inverse" is asked for: tier 2.
_TIER1 = (
    _Default(("PAS", "PFT", "PLN-meta", "PR-meta", "PLN", "PR"), "DL", "R meta before 5.0-0"),
    _Default(("PAS", "PFT", "PLN-meta", "PR-meta", "PLN", "PR"), "REML", "R meta from 5.0-0"),
    _Default(("PAS", "PFT", "PLO", "PLN", "PR"), "REML", "R metafor"),
)
_METAFOR = {"DL", "PM", "REML", "ML", "HE", "SJ", "HS", "HSk", "CE"}
_META = {"DL", "PM", "REML", "ML", "HE", "SJ", "HS", "CE"}


def software(method: Method, scales: set[str], zero_cells: bool) -> tuple[int | None, str]:
    """Tier and names of the software that computes by a method on these scales.

    zero_cells : whether a count may be 0 or n, where the log and raw scales of metafor and meta
    differ.
    """
    harmonic = "PFT" not in scales or method.inverse == "harmonic"
    if not harmonic or not scales:
        return None, ""
    names = [
        d.software for d in _TIER1
        if method.tau2_method == d.tau2_method and method.ci_method == "wald"
        and all(_has(d, s, zero_cells) for s in scales)
    ]  # fmt: skip
    if names:
        return 1, "; ".join(names)
    metafor = method.tau2_method in _METAFOR and not any(s.endswith("-meta") for s in scales)
    meta = method.tau2_method in _META and method.ci_method != "t"
    meta &= not (zero_cells and scales & {"PLN", "PR"})
    names = [n for n, has in (("R meta", meta), ("R metafor", metafor)) if has]
    return (2, "; ".join(f"{n}, when asked to" for n in names)) if names else (None, "")


def _has(default: _Default, scale: str, zero_cells: bool) -> bool:
    """Whether a default covers a scale; meta's rule for zero cells is a scale of its own."""
    if scale in ("PLN", "PR") and zero_cells and default.software.startswith("R meta "):
        return False
    return scale in default.scales
