"""What a test of small-study effects can see in rows like these, and what a printed p supports."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from metaprop import funnel
from metaprop.counts.tables import Counts
from metaprop.effectsize import Array, transform
from metaprop.labels import SCALE
from metaprop.plots import funnel as plots
from metaprop.pooling import Pooled, pool, pool_proportions
from metaprop.small_study import TESTS, egger

from . import figures, readings, studies, tables
from .reconstruction import Evidence
from .show import Table
from .show import table as shown
from .small_study import Findings, Part
from .tables import printed

_SETS = 2000
_FULL = 99.5  # percent; from here on a bias has no room to raise the rate of the smallest study


@dataclass(frozen=True)
class Power(Findings):
    """False alarms and power of Egger's test in simulated sets with the sizes of the rows.

    sizes : patients of every row, those without a count too. large : rate of the largest study, in
    percent. settings : pooled effect with a between-study variance, by what it stands for.
    """

    known: Part
    possible: Part
    sizes: Array
    large: float
    settings: dict[str, Pooled]

    @property
    def missing(self) -> str:
        """Why there is no power to show: no room above the pooled rate."""
        full = (
            f"With a pooled rate of {self.large:.0f}% no bias can raise the rate of small studies"
        )
        return f"{full}: there is no power to show." if self.large >= _FULL else ""

    @cached_property
    def alarms(self) -> pd.DataFrame:
        """Share of sets without any small-study effect with p < 0.05: a row a test, percent.

        First as many studies as were tested, with their sizes; then every row.
        """
        scale, tested = self.known.method.scale, self.known.n.astype(int)
        columns = {}
        if len(tested) < len(self.sizes):
            fit = self.known.drawn.fit
            name = f"{len(tested)} rows tested, tau² {float(fit.tau2):.3f}"
            columns[name] = funnel.false_alarm_rate(tested, fit, scale)
        for name, f in self.settings.items():
            columns[f"{len(self.sizes)} rows, {name}"] = funnel.false_alarm_rate(
                self.sizes, f, scale
            )
        return 100 * pd.DataFrame(columns)

    @cached_property
    def curves(self) -> pd.DataFrame:
        """Power of Egger's test over the rate that a bias gives the smallest study, percent."""
        scale, base = self.known.method.scale, next(iter(self.settings.values()))
        slopes = np.linspace(0, self._steepest(base), 21)
        rates = np.array([self._shift(base, s)[0] for s in slopes])
        slopes, rates = slopes[rates < _FULL], rates[rates < _FULL]
        return pd.concat(
            pd.DataFrame({"label": name, "slope": slopes, "smallest": rates}).assign(
                power=100 * funnel.power(self.sizes, f, slopes, scale, sets=_SETS)
            )
            for name, f in self.settings.items()
        )

    def _shift(self, base: Pooled, slope: float) -> tuple[float, float]:
        return funnel.shift(self.sizes, base, slope, self.known.method.scale)

    def _steepest(self, base: Pooled) -> float:
        """A slope that brings the smallest study near 100%, at least 5."""
        scale = self.known.method.scale
        se, _, _ = funnel.contours(float(base.estimate), self.sizes, scale, 0.5)
        full = float(transform(0.99 * 10**8, 10**8, scale)[0])
        return max(5.0, (full - float(base.estimate)) / float(np.ptp(se)))

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Numbers for sentences, by name."""
        base = next(iter(self.settings.values()))
        first = self.curves[self.curves["label"] == self.curves["label"].iloc[0]]
        # Double the rate, but no more than half of the way to 100%, and no less than by ten.
        target = self.large + min(max(self.large, 10), (100 - self.large) / 2)
        slope = float(np.interp(target, first["smallest"], first["slope"]))
        lifted, moved = self._shift(base, slope)
        found = float(np.interp(slope, first["slope"], first["power"]))
        enough = first.loc[first["power"] >= 80, "smallest"]
        own, second = self.alarms.iloc[:, 0], self.alarms.iloc[:, 1]
        return {
            "sets": _SETS,
            "rows": len(self.sizes),
            "smallest_n": int(self.sizes.min()),
            "largest_n": int(self.sizes.max()),
            "large": self.large,
            "lifted": lifted,
            "moved": moved,
            "found": found,
            "found_reading": _power_reading(found),
            "needed": f"{enough.iloc[0]:.0f}%" if len(enough) else "more than the scale holds",
            "tested": len(self.known.n),
            "alarm_low": own.min(),
            "alarm_high": own.max(),
            "alarm_most": own.idxmax(),
            "alarm_others": ""
            if len(self.known.n) == len(self.sizes)
            else (
                f"; with the sizes of all {len(self.sizes)} rows it is {second.min():.0f} to "
                f"{second.max():.0f}%"
            ),
            "alarm_reading": _alarm_reading(own),
        }


def _power_reading(found: float) -> str:
    """What a test of this power can say, in words."""
    if found < 50:
        return "a p value above 0.05 then says little: such a bias is missed more often than found"
    if found < 80:
        return "a p value above 0.05 then leaves such a bias open"
    return "a p value above 0.05 then speaks against a bias of this size"


def _alarm_reading(alarms: pd.Series) -> str:
    """Whether p < 0.05 means what it says: alarms within half of the level, in words."""
    far = alarms[~alarms.between(2.5, 7.5)]
    if far.empty:
        return "each test is near its level, so that their p values mean what they say"
    names = ", ".join(f"{test} ({share:.0f}%)" for test, share in far.items())
    return f"far from the level, so that their p values do not mean what they say: {names}"


def power(known: Part, possible: Part, every: pd.DataFrame) -> Power:
    """Power with the sizes of every row, around the printed pooled rate where one is printed.

    The between-study variance is that of the rows with a count, none, and the smallest and the
    largest over the identified set where there is one.
    """
    scale, base = known.method.scale, known.drawn.fit
    large = 100 * float(known.drawn.estimate)
    results = tables.load("pooled_results")
    row = results[(results["endpoint"] + ", " + results["population"] == known.what)]
    row = row[row["transformation"] == "PAS"]
    if "study" in every and not possible.missing and len(row):
        large = float(row["estimate"].iloc[0])
        base = replace(base, estimate=transform(large * 10**6, 10**8, scale)[0])
    settings = {f"tau² {float(base.tau2):.3f} of the rows tested": base}
    settings["no heterogeneity"] = replace(base, tau2=np.array(0.0))
    if not possible.missing:
        y, v = transform(possible.x, possible.n, scale)
        tau2 = pool(y, v, known.method.tau2_method).tau2
        for end, t in (("smallest", tau2.min()), ("largest", tau2.max())):
            settings[f"tau² {t:.3f}, {end} in the set"] = replace(base, tau2=np.array(t))
    return Power(known, possible, every["n"].to_numpy(int), large, settings)


def alarms_table(p: Power) -> Table:
    """False alarms by test, and beside them how often p < 0.05 over the identified set."""
    frame = p.alarms.rename_axis("test")
    if not p.possible.missing:
        scale = p.known.method.scale
        share = [100 * (p.possible.tests[scale, t].p < 0.05).mean() for t in TESTS]
        frame = frame.assign(**{"p < 0.05 in the set": share})
    sets = f"{funnel.SETS} simulated sets without any small-study effect"
    caption = f"False alarms: percent of {sets} with p < 0.05"
    return shown(frame, {}, caption, decimals=0)


def power_figure(p: Power) -> figures.Picture | Power:
    """Power of Egger's test; where there is none, what says so."""
    if p.missing:
        return p
    f = p.facts
    title = f"Power of Egger's test with the sizes of these {f['rows']} rows"
    picture = plots.power_curve(p.curves, 0.05, title)
    return figures.show(picture, "egger_power", _POWER.format_map(f))


_POWER = (
    "Power (percent) of Egger's test at p < 0.05 with {rows} rows of {smallest_n} to {largest_n} "
    "patients, from {sets} simulated sets a point. Across: expected rate of the smallest study "
    "under the bias, when the largest has a rate of {large:.0f}%."
)


def largest_row(part: Part, p: Power) -> dict[str, Any]:
    """The largest row and its rates over the identified set, and what they say, by name."""
    if part.missing:
        return {}
    row = part.points.loc[part.points["n"].astype(int).idxmax()]
    low, high = (row.get(f"rate_{end}", row["rate"]) for end in ("min", "max"))
    reverse = ": a large study with a high rate, the reverse of what unpublished failures leave"
    return {
        "label": studies.quoted(row["label"]),
        "rates": f"{low:.0f}" if low == high else f"{low:.0f} to {high:.0f}",
        "large": p.large,
        "reading": reverse if low > p.large else "",
    }


@dataclass(frozen=True)
class PrintedP(Findings):
    """The printed p value of Egger's test, where one is printed for these rows.

    claim : the printed number; None where there is none, and then missing says why.
    """

    claim: printed.Printed | None
    possible: Part
    power: Power
    missing: str = ""

    @property
    def value(self) -> float | None:
        """The number as printed."""
        return None if self.claim is None else self.claim.value

    @cached_property
    def readings(self) -> pd.DataFrame:
        """Range of p by rows, test and scale, and how many vectors print as the claim."""
        endpoint = self.possible.what.split(", ")[0]
        evidence = Evidence.read(tables.load_evidence(), endpoint)
        table = readings.egger(evidence, self.different, self.claim.value)
        table = table[table["test"].isin(["Egger", "Thompson-Sharp"])]
        rows = table["population"].map(readings.rows_in_words)
        shown = table.assign(scale=table["scale"].map(SCALE), rows=rows)
        return shown[["rows", "test", "scale", "p_min", "p_max", "agree"]]

    @cached_property
    def different(self) -> Counts:
        """Different vectors of all rows: one that several methods leave counts once."""
        endpoint = self.possible.what.split(", ")[0]
        return np.unique(studies.identified(endpoint, "overall")[1], axis=0)

    @cached_property
    def reached(self) -> str:
        """The readings under which the printed p is reached, as notebooks 02 and 07 judge them."""
        evidence = Evidence.read(tables.load_evidence(), self.possible.what.split(", ")[0])
        scales = tables.load("pooled_results")["transformation"].unique()
        own = readings.eggers(evidence, self.different, self.claim.value, scales)
        return "; ".join(readings.in_words(own[own["reaches"]])) or "no reading"

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Numbers for sentences: what every possible interval of Egger's coefficient holds."""
        found = egger(*transform(self.possible.x, self.possible.n, "PAS"))
        half = stdtrit(found.df, 0.975) * found.se
        low, high = float((found.estimate - half).max()), float((found.estimate + half).min())
        known = self.power.known
        x = known.frame["x"].to_numpy(float)
        base = pool_proportions(x, known.n, replace(known.method, scale="PAS")).fit
        base = replace(base, estimate=transform(self.power.large * 10**6, 10**8, "PAS")[0])
        sizes = self.power.sizes
        ends = [funnel.shift(sizes, base, s, "PAS") for s in (low, high)]
        (small_low, pooled_low), (small_high, pooled_high) = ends
        first = self.readings.iloc[0]
        return {
            "printed": self.claim.value,
            "vectors": len(self.possible.x),
            "p_low": first["p_min"],
            "p_high": first["p_max"],
            "agree": first["agree"],
            "different": len(self.different),
            "reached": self.reached,
            "low": low,
            "high": high,
            "large": self.power.large,
            "smallest_n": int(sizes.min()),
            "small_low": small_low,
            "small_high": small_high,
            "pooled_low": pooled_low,
            "pooled_high": pooled_high,
            "reading": _interval_reading(low, high, small_high, self.power.large),
        }


def _interval_reading(low: float, high: float, small: float, large: float) -> str:
    """Whether the intervals tell a bias that matters (a doubled rate) from none, in words."""
    if not low <= 0 <= high:
        return "For some vectors the interval leaves out 0."
    if small < 2 * large:
        return "A bias that doubles the rate of the smallest study lies outside."
    return (
        "0 and a doubled rate are both inside: for no vector does the test tell a bias that "
        "matters from none."
    )


def printed_p(endpoint: str, population: str, possible: Part, p: Power) -> PrintedP:
    """The printed p value for these rows, if there is one and counts to hold it against."""
    if possible.missing or (endpoint, population) != ("CR", "paediatric"):
        return PrintedP(None, possible, p, "No printed p value belongs to these rows.")
    text = tables.load("prose").set_index("id").loc["bias-1-1-1", "printed"]
    return PrintedP(printed.read(text), possible, p)


def readings_table(found: PrintedP) -> Table | PrintedP:
    """Ranges of p by rows, test and scale."""
    if found.missing:
        return found
    headings = {"p_min": "lowest p", "p_max": "highest p"}
    headings["agree"] = f"vectors with p = {found.value}"
    caption = f"Range of p over {len(found.different)} different vectors, by rows, test and scale"
    return shown(found.readings, headings, caption, decimals=3)
