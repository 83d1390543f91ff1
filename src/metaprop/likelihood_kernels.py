"""Compiled log-likelihoods of counts, and the climb to their top; they check nothing.

Two parameters each: the log odds of the pooled rate, and a spread (tau of the binomial-normal
model, theta = rho / (1 - rho) of the beta-binomial).
"""

from math import exp, expm1, lgamma, log, log1p, nan, pi, sqrt

import numpy as np
from numba import njit

GLMM, BETA_BINOMIAL = 0, 1
_ITERATIONS = 200
# Newton stops once the gain it still predicts is below this: the step then taken is quadratic.
_GAIN = 1e-12
_NEGLIGIBLE = -37.0  # e to this power is below double precision


@njit(cache=True, nogil=True)
def _log1pexp(t: float) -> float:
    return t + log1p(exp(-t)) if t > 0.0 else log1p(exp(t))


@njit(cache=True, nogil=True)
def _mode(x: float, n: float, mu: float, tau: float) -> float:
    """Where x·eta - n·log(1 + e^eta) - u²/2 is highest, eta = mu + tau·u (it is concave)."""
    low, high = tau * (x - n), tau * x
    v = 1.0 / (x + 0.5) + 1.0 / (n - x + 0.5)
    u = tau * (log((x + 0.5) / (n - x + 0.5)) - mu) / (tau * tau + v)
    u = min(max(u, low), high)
    for _ in range(_ITERATIONS):
        p = 1.0 / (1.0 + exp(-(mu + tau * u)))
        slope = tau * (x - n * p) - u
        if slope > 0.0:
            low = u
        else:
            high = u
        step = slope / (1.0 + tau * tau * n * p * (1.0 - p))
        new = u + step
        if not low <= new <= high:
            new = 0.5 * (low + high)
        if abs(new - u) <= 1e-10 * (1.0 + abs(u)):
            return new
        u = new
    return u


@njit(cache=True, nogil=True)
def glmm_terms(x, n, mu, tau, out) -> float:  # noqa: ANN001
    """Log-likelihood (returned) with gradient and Hessian in (mu, tau), by adaptive quadrature.

    out = (g_mu, g_tau, h_mu_mu, h_mu_tau, h_tau_tau), from the moments of the posterior of u. The
    rule is the trapezoidal one around the mode of each row, which converges exponentially for an
    analytic integrand; its step is set by the width at the mode and by the distance pi/(2 tau)
    from the real line within which the integrand stays bounded. (Gauss-Hermite rules around the
    mode need hundreds of nodes where a row has x = 0 and tau exceeds 3.)
    """
    total = 0.0
    out[:] = 0.0
    for i in range(x.size):
        a, m = x[i], n[i]
        mode = _mode(a, m, mu, tau)
        eta = mu + tau * mode
        p0 = 1.0 / (1.0 + exp(-eta))
        h = 0.6 / sqrt(1.0 + tau * tau * m * p0 * (1.0 - p0))
        h = min(h, 0.33 / tau) if tau > 0.0 else h
        s0 = s1 = s2 = q11 = q12 = q22 = h11 = h12 = h22 = 0.0
        for side in (-1.0, 1.0):
            j = 0 if side < 0.0 else 1
            while True:
                t = side * j * h
                j += 1
                # the exponent less its value at the mode, without the cancellation of huge n
                d = tau * t
                if eta > 5.0 and d > -30.0:  # seen from the other side: 1 - p0 loses digits
                    rise = (a - m) * d - m * log1p(exp(-eta) / (1.0 + exp(-eta)) * expm1(-d))
                elif eta <= 5.0 and d < 30.0:
                    rise = a * d - m * log1p(p0 * expm1(d))
                else:
                    rise = a * d - m * (_log1pexp(eta + d) - _log1pexp(eta))
                rise -= t * (mode + 0.5 * t)
                if rise < _NEGLIGIBLE:
                    break
                f, u = exp(rise), mode + t
                p = 1.0 / (1.0 + exp(-(eta + d)))
                r, c = a - m * p, m * p * (1.0 - p)
                s0 += f
                s1 += f * r
                s2 += f * r * u
                q11 += f * r * r
                q12 += f * r * r * u
                q22 += f * r * r * u * u
                h11 += f * c
                h12 += f * c * u
                h22 += f * c * u * u
        coefficient = lgamma(m + 1.0) - lgamma(a + 1.0) - lgamma(m - a + 1.0)
        top = a * eta - m * _log1pexp(eta) - 0.5 * mode * mode
        total += coefficient + top + log(s0 * h / sqrt(2.0 * pi))
        s1 /= s0
        s2 /= s0
        out[0] += s1
        out[1] += s2
        out[2] += (q11 - h11) / s0 - s1 * s1
        out[3] += (q12 - h12) / s0 - s1 * s2
        out[4] += (q22 - h22) / s0 - s2 * s2
    return total


@njit(cache=True, nogil=True)
def _beta_binomial(x, n, mu, theta, out):  # noqa: ANN001, ANN202
    """Log-likelihood with gradient and Hessian in (logit p, theta), theta = rho / (1 - rho).

    Griffiths' (1973) product form, which is regular at theta = 0, the plain binomial.
    """
    p = 1.0 / (1.0 + exp(-mu))
    q = 1.0 - p
    total = gp = hp = hpt = 0.0
    gt = htt = 0.0
    for i in range(x.size):
        a, m = int(x[i]), int(n[i])
        total += lgamma(m + 1.0) - lgamma(a + 1.0) - lgamma(m - a + 1.0)
        for j in range(m):
            if j < a:
                d = p + j * theta
                total += log(d)
                gp += 1.0 / d
                hp -= 1.0 / (d * d)
                hpt -= j / (d * d)
                gt += j / d
                htt -= (j / d) ** 2
            if j < m - a:
                d = q + j * theta
                total += log(d)
                gp -= 1.0 / d
                hp -= 1.0 / (d * d)
                hpt += j / (d * d)
                gt += j / d
                htt -= (j / d) ** 2
            d = 1.0 + j * theta
            total -= log(d)
            gt -= j / d
            htt += (j / d) ** 2
    dp = p * q
    out[0] = gp * dp
    out[1] = gt
    out[2] = hp * dp * dp + gp * dp * (q - p)
    out[3] = hpt * dp
    out[4] = htt
    return total


@njit(cache=True, nogil=True)
def _evaluate(model, x, n, a, b, out):  # noqa: ANN001, ANN202
    if model == GLMM:
        return glmm_terms(x, n, a, b, out)
    return _beta_binomial(x, n, a, b, out)


@njit(cache=True, nogil=True)
def _climb(model, x, n, a, b, out):  # noqa: ANN001, ANN202
    """Newton's method with a ridge where the surface is not concave; b stays at or above 0.

    Returns a, b, the log-likelihood and whether it came to rest; out holds derivatives.
    """
    ll = _evaluate(model, x, n, a, b, out)
    noise = 1e-13 * (abs(ll) + n.sum())
    for _ in range(_ITERATIONS):
        ga, gb, haa, hab, hbb = out
        free = not (b == 0.0 and gb <= 0.0)  # at the border with the slope pointing out: a alone
        ridge = 0.0
        while True:
            caa, cbb = ridge - haa, ridge - hbb
            det = caa * cbb - hab * hab
            if caa > 0.0 and (not free or det > 1e-12 * caa * abs(cbb)):
                break
            ridge = max(2.0 * ridge, 1e-3 * (abs(haa) + abs(hbb)) + 1e-12)
        if free:
            da = (cbb * ga + hab * gb) / det
            db = (caa * gb + hab * ga) / det
        else:
            da, db = ga / caa, 0.0
        gain = ga * da + gb * db
        longest = max(abs(da), abs(db))
        size = min(1.0, 2.0 / longest) if longest > 0.0 else 1.0
        while True:
            new_a, new_b = a + size * da, b + size * db
            # tau and -tau are one model; theta ends at the binomial
            new_b = abs(new_b) if model == GLMM else max(new_b, 0.0)
            new = _evaluate(model, x, n, new_a, new_b, out)
            if new >= ll - noise or size < 1e-12:
                break
            size *= 0.5
        a, b, ll = new_a, new_b, new
        if gain <= _GAIN and ridge == 0.0:
            return a, b, ll, True
    return a, b, ll, False


@njit(cache=True, nogil=True)
def fit_rows(model, x, n, result) -> None:  # noqa: ANN001
    """Fill result[r] = (estimate, standard error, spread parameter, log-likelihood) of each row.

    The plain binomial first; then climbs from a small and a large spread (there can be two tops),
    which must be higher beyond rounding.
    """
    out = np.empty(5)
    for r in range(x.shape[0]):
        rate = x[r].sum() / n[r].sum()
        best_a, best_b = log(rate / (1.0 - rate)), 0.0
        best_ll = _evaluate(model, x[r], n[r], best_a, best_b, out)
        moved = False
        for start in (0.3, 1.5):
            a, b, ll, at_rest = _climb(model, x[r], n[r], best_a, start, out)
            moved = moved or at_rest
            if at_rest and ll > best_ll + 1e-9 * (1.0 + abs(best_ll)):
                best_ll, best_a, best_b = ll, a, b
        result[r, :] = nan
        if not moved:
            continue
        ll = _evaluate(model, x[r], n[r], best_a, best_b, out)
        information = -out[2]
        if best_b > 1e-6:
            information -= out[3] * out[3] / -out[4]
        result[r, 0] = best_a
        result[r, 1] = 1.0 / sqrt(information)
        result[r, 2] = best_b if best_b > 1e-6 else 0.0
        result[r, 3] = ll
