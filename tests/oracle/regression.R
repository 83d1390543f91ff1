# Meta-regression by REML and exact permutation tests, by metafor. Rscript regression.R OUT.json
suppressMessages({library(metafor); library(jsonlite)})

tight <- list(threshold = 1e-14, maxiter = 10000)
fit <- function(y, v, z, test) {
  m <- rma(y, v, mods = cbind(z), method = "REML", test = test, control = tight)
  list(
    coefficients = as.numeric(m$beta), se = m$se, lower = m$ci.lb, upper = m$ci.ub, p = m$pval,
    tau2 = m$tau2, qe = m$QE, qm = m$QM, qm_p = m$QMp, r2 = m$R2 / 100
  )
}

permuted <- function(y, v, z, method) {
  m <- rma(y, v, mods = cbind(z), method = method)
  permutest(m, exact = TRUE, progbar = FALSE)$QMp
}

bruin <- escalc(measure = "PAS", xi = xi, ni = ni, data = dat.debruin2009)
school <- dat.raudenbush1985
bcg <- escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
sets <- list(
  debruin2009 = list(y = bruin$yi, v = bruin$vi, z = dat.debruin2009$year),
  raudenbush1985 = list(y = school$yi, v = school$vi, z = school$weeks),
  bcg = list(y = bcg$yi, v = bcg$vi, z = bcg$ablat)
)
out <- lapply(sets, function(d) {
  d <- lapply(d, as.numeric)
  few <- lapply(d, head, 6)
  c(d, list(
    wald = fit(d$y, d$v, d$z, "z"), `hartung-knapp` = fit(d$y, d$v, d$z, "knha"),
    `hartung-knapp-adhoc` = fit(d$y, d$v, d$z, "adhoc"),
    permutation = list(DL = permuted(few$y, few$v, few$z, "DL"))
  ))
})
write(toJSON(out, digits = NA, auto_unbox = TRUE, pretty = TRUE), commandArgs(TRUE)[1])
