# Reference values for the sensitivity analyses; sourced by metafor.R, which defines sets and tight.

limits_of <- function(z) list(
  estimate = z$estimate, se = z$se, lower = z$ci.lb, upper = z$ci.ub, tau2 = z$tau2, i2 = z$I2 / 100
)

# dropping rows in turn, adding them in order, and what each does to the result
diagnostics <- function(es, method, test) {
  z <- rma(yi, vi, data = es, method = method, test = test, control = tight)
  inf <- influence(z)
  pdf(NULL)
  b <- baujat(z)
  invisible(dev.off())
  keep <- c("rstudent", "dffits", "cook.d", "cov.r", "tau2.del", "QE.del", "hat")
  list(
    leave1out = limits_of(leave1out(z)),
    cumul = if (test == "z") limits_of(cumul(z)),
    influence = c(unclass(inf$inf)[keep], list(dfbetas = inf$dfbs[[1]], flagged = as.vector(inf$is.infl))),
    baujat = list(x = b$x, y = b$y)
  )
}

# metafor's own default is nAGQ = 7, which moves tau^2 by up to 1e-4
binomial_normal <- function(d) {
  z <- suppressWarnings(rma.glmm(
    measure = "PLO", xi = d$x, ni = d$n, nAGQ = 25,
    control = list(glmerCtrl = list(optimizer = "bobyqa", tolPwrss = 1e-12,
                                    optCtrl = list(rhobeg = 2e-4, rhoend = 1e-10)))
  ))
  list(estimate = as.numeric(z$beta), se = z$se, tau2 = z$tau2, lower = z$ci.lb, upper = z$ci.ub)
}

regression <- function(y, v, X, test) {
  z <- rma(y, v, mods = X[, -1, drop = FALSE], method = "DL", test = test)
  list(
    coefficients = as.numeric(z$beta), se = z$se, lower = z$ci.lb, upper = z$ci.ub, p = z$pval,
    tau2 = z$tau2, qe = z$QE, qe_p = z$QEp, qm = z$QM, qm_p = z$QMp, r2 = z$R2 / 100,
    fitted = as.numeric(fitted(z))
  )
}

groups <- function(es, g, method) {
  names <- sort(unique(as.character(g)))
  fits <- lapply(names, function(s) rma(yi, vi, data = es[g == s, ], method = method, control = tight))
  get <- function(what) sapply(fits, function(z) as.numeric(z[[what]]))
  between <- rma(get("beta"), sei = get("se"), mods = ~ names, method = "CE")
  list(
    group = as.character(g), names = names, estimate = get("beta"), se = get("se"),
    tau2 = get("tau2"), q = between$QM, p = between$QMp
  )
}

sensitivity <- function(sets) {
  arm <- dat.nielweise2007
  counts <- c(
    sets[c("clofarabine_cr", "clofarabine_or", "pritz1997", "debruin2009", "edges")],
    list(stijnen2010_treated = list(x = arm$ai, n = arm$n1i),
         stijnen2010_control = list(x = arm$ci, n = arm$n2i))
  )
  out <- list(glmm = lapply(counts, function(d) c(d, binomial_normal(d))))
  scales <- c(PAS = "PAS", PFT = "PFT", PLO = "PLO")
  plain <- counts[c("clofarabine_cr", "clofarabine_or", "pritz1997", "debruin2009")]
  effects <- function(d, s) {
    escalc(measure = s, xi = d$x, ni = d$n, add = if (s == "PLO") 0.5 else 0, to = "only0")
  }
  out$diagnostics <- lapply(plain, function(d) {
    c(d, lapply(scales, function(s) list(
      DL = diagnostics(effects(d, s), "DL", "z"),
      REML = diagnostics(effects(d, s), "REML", "z"),
      knha = diagnostics(effects(d, s), "DL", "knha")
    )))
  })

  d <- dat.debruin2009
  es <- escalc(measure = "PAS", xi = xi, ni = ni, data = d)
  school <- dat.raudenbush1985
  bcg <- escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
  designs <- list(
    debruin2009_year = list(y = es$yi, v = es$vi, X = model.matrix(~ year, d)),
    debruin2009_groups = list(y = es$yi, v = es$vi, X = model.matrix(~ ethnicity + sens, d)),
    raudenbush2009 = list(y = school$yi, v = school$vi, X = cbind(1, pmin(school$weeks, 3))),
    bcg = list(y = bcg$yi, v = bcg$vi, X = model.matrix(~ ablat + year, bcg))
  )
  out$regression <- lapply(designs, function(m) {
    c(list(y = as.numeric(m$y), v = as.numeric(m$v), X = unname(as.matrix(m$X))),
      lapply(c(wald = "z", `hartung-knapp` = "knha", `hartung-knapp-adhoc` = "adhoc"),
             function(t) regression(m$y, m$v, m$X, t)))
  })
  out$subgroups <- lapply(c(DL = "DL", REML = "REML"), function(m) list(
    ethnicity = groups(es, d$ethnicity, m), sens = groups(es, d$sens, m)
  ))
  out$subgroups$rows <- list(x = d$xi, n = d$ni)
  out
}
