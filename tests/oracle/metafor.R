# Reference values of R metafor for the tests: Rscript metafor.R OUT.json
#
# metafor's default stopping rules leave up to 2e-4 relative error in iterative tau^2, so every
# rule is tightened until the values no longer move in double precision.
suppressPackageStartupMessages({
  library(metafor)
  library(metadat)
  library(jsonlite)
})

out <- commandArgs(trailingOnly = TRUE)[1]
file <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
here <- dirname(gsub("~+~", " ", file, fixed = TRUE)) # R writes a space so
tight <- list(threshold = 1e-14, tol = 1e-14, maxiter = 10000)

documented <- function(endpoint) {
  d <- read.csv(file.path(here, "../../data/sources/evidence.csv"), na.strings = "NA")
  low <- d[[paste0(endpoint, "_min")]]
  keep <- d$population == "paediatric" & low == d[[paste0(endpoint, "_max")]]
  list(x = low[keep], n = d$n[keep], study = d$row[keep])
}

pritz <- dat.pritz1997
debruin <- dat.debruin2009
sets <- list(
  clofarabine_cr = documented("cr"),
  clofarabine_or = documented("or"),
  miller1978 = list(x = c(3, 6, 10, 1), n = c(11, 17, 21, 6)),
  pritz1997 = list(x = pritz$xi, n = pritz$ni),
  debruin2009 = list(x = debruin$xi, n = debruin$ni),
  edges = list(x = c(0, 5, 1, 0, 30), n = c(10, 5, 1, 2, 400))
)

limits <- function(p) c(p$ci.lb, p$ci.ub)

fits <- function(d, scale) {
  es <- escalc(measure = scale, xi = d$x, ni = d$n, add = if (scale == "PLO") 0.5 else 0, to = "only0")
  result <- list(y = as.numeric(es$yi), v = as.numeric(es$vi))
  for (method in c("DL", "PM", "REML", "ML", "HE", "SJ", "HS", "HSk", "CE")) {
    z <- rma(yi, vi, data = es, method = method, control = tight)
    one <- list(
      tau2 = z$tau2, estimate = as.numeric(z$beta), se = z$se, wald = c(z$ci.lb, z$ci.ub),
      q = z$QE, q_p = z$QEp, i2 = z$I2 / 100, h2 = z$H2
    )
    if (method != "CE") {
      hk <- rma(yi, vi, data = es, method = method, test = "knha", control = tight)
      one$hk <- c(hk$ci.lb, hk$ci.ub)
      student <- rma(yi, vi, data = es, method = method, test = "t", control = tight)
      one$t <- c(student$ci.lb, student$ci.ub)
      adhoc <- rma(yi, vi, data = es, method = method, test = "adhoc", control = tight)
      one$adhoc <- c(adhoc$ci.lb, adhoc$ci.ub)
      one$pi_k2 <- with(predict(z, pi.type = "riley"), c(pi.lb, pi.ub))
      # the z-based standard error with t on k - 1 df, written out: "t" takes its df from the test
      half <- qt(0.975, z$k - 1) * sqrt(z$tau2 + z$se^2)
      one$pi_k1 <- c(z$beta - half, z$beta + half)
    }
    if (scale == "PFT") {
      pr <- predict(z, transf = transf.ipft.hm, targs = list(ni = d$n))
      one$harmonic <- c(pr$pred, limits(pr))
    }
    result[[method]] <- one
  }
  first <- rma(yi, vi, data = es, method = "DL")$tau2
  result$two_step <- rma(yi, vi, data = es, method = "GENQ", weights = 1 / (es$vi + first))$tau2
  z <- rma(yi, vi, data = es, method = "DL")
  result$tau2_interval <- as.numeric(confint(z, control = tight)$random["tau^2", 2:3])
  egger <- regtest(z, model = "lm", predictor = "sei")
  # metafor regresses y on se with weights 1/v; the slope there is Egger's intercept
  result$egger <- list(statistic = egger$zval, p = egger$pval)
  result$small_study <- small_study(d, es)
  result
}

# Tests of small-study effects and trim and fill. Peters' weights are the inverse logit variances on
# every scale; metafor has them for the logit itself only, so that regression is written out.
small_study <- function(d, es) {
  test <- function(r) list(statistic = as.numeric(r$zval), p = as.numeric(r$pval))
  logit <- escalc(measure = "PLO", xi = d$x, ni = d$n, add = 0.5, to = "only0")
  w <- 1 / as.numeric(logit$vi)
  line <- summary(lm(as.numeric(es$yi) ~ I(1 / d$n), weights = w))$coefficients
  z <- rma(yi, vi, data = es, method = "DL")
  rank <- suppressWarnings(ranktest(z))
  result <- list(
    thompson_sharp = test(regtest(z, model = "rma", predictor = "sei")),
    macaskill = test(regtest(as.numeric(es$yi), as.numeric(es$vi), ni = d$n, model = "lm",
                             predictor = "ni")),
    peters = list(estimate = line[2, 1], statistic = line[2, 3], p = line[2, 4]),
    rank = list(tau = as.numeric(rank$tau), p = rank$pval)
  )
  for (estimator in c("L0", "R0")) for (method in c("DL", "CE")) {
    z <- rma(yi, vi, data = es, method = method)
    for (side in c("auto", "left", "right")) {
      f <- trimfill(z, estimator = estimator, side = if (side == "auto") NULL else side)
      one <- list(k0 = f$k0, se = f$se.k0, side = f$side, estimate = as.numeric(f$beta),
                  lower = f$ci.lb, upper = f$ci.ub, tau2 = f$tau2)
      if (estimator == "R0") one$p <- f$p.k0
      result$trimfill[[paste(estimator, method, side)]] <- one
    }
  }
  result
}

values <- lapply(sets, function(d) {
  c(d, lapply(c(PAS = "PAS", PFT = "PFT", PLO = "PLO"), function(s) fits(d, s)))
})
meta <- list(metafor = as.character(packageVersion("metafor")), R = R.version.string)
source(file.path(here, "sensitivity.R"))
everything <- list(versions = meta, sets = values, sensitivity = sensitivity(sets))
write_json(everything, out, digits = NA, auto_unbox = TRUE, pretty = 1)
