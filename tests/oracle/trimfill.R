# Trim and fill, and the line on the standard error that finds its side, as metafor has them today:
# Rscript trimfill.R ROWS.csv OUT.json (columns set, y, v). An estimator without a value is left out.
suppressPackageStartupMessages({
  library(metafor)
  library(jsonlite)
})

arguments <- commandArgs(trailingOnly = TRUE)
rows <- read.csv(arguments[1])
control <- list(threshold = 1e-14, tol = 1e-14, maxiter = 10000)

one <- function(d, method) {
  line <- suppressWarnings(rma(y, v, mods = ~ sqrt(v), data = d, method = method, control = control))
  fit <- suppressWarnings(rma(y, v, data = d, method = method, control = control))
  result <- list(method = method, tau2 = line$tau2, slope = as.numeric(line$beta[2]))
  for (estimator in c("L0", "R0", "Q0")) {
    f <- tryCatch(suppressWarnings(trimfill(fit, estimator = estimator, control = control)),
                  error = function(e) NULL)
    if (!is.null(f)) {
      result[[estimator]] <- list(k0 = f$k0, se = f$se.k0, side = f$side,
                                  estimate = as.numeric(f$beta))
    }
  }
  result
}

methods <- c("DL", "PM", "REML", "ML", "HE", "SJ", "HS", "HSk", "CE")
values <- lapply(split(rows, rows$set), function(d) lapply(methods, one, d = d))
write_json(values, arguments[2], digits = NA, auto_unbox = TRUE)
