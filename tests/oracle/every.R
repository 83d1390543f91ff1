# Pooled proportions as metafor has them today: every proportion data set of metadat (a proportion is
# xi of ni, or an arm of a two-by-two table) and further sets: Rscript every.R ROWS.csv OUT.json
# (columns set, x, n). A fit that metafor refuses or does not finish is left out.
suppressPackageStartupMessages({
  library(metafor)
  library(metadat)
  library(jsonlite)
})

arguments <- commandArgs(trailingOnly = TRUE)
rows <- read.csv(arguments[1])
sets <- lapply(split(rows, rows$set), function(d) list(x = d$x, n = d$n))

# names of events and patients, or of events and non-events, in the data sets of metadat
pairs <- list(c("xi", "ni"), c("ai", "n1i"), c("ci", "n2i"))
split_pairs <- list(c("tpos", "tneg"), c("cpos", "cneg"))
for (name in data(package = "metadat")$results[, "Item"]) {
  home <- new.env()
  data(list = name, package = "metadat", envir = home)
  d <- home[[name]]
  if (!is.data.frame(d)) next
  take <- function(key, x, n) {
    good <- !is.na(x) & !is.na(n) & n >= 1 & x >= 0 & x <= n & x == round(x) & n == round(n)
    if (sum(good) >= 3) sets[[paste(name, key)]] <<- list(x = x[good], n = n[good])
  }
  for (p in pairs) if (all(p %in% names(d))) take(p[1], d[[p[1]]], d[[p[2]]])
  for (p in split_pairs) if (all(p %in% names(d))) take(p[1], d[[p[1]]], d[[p[1]]] + d[[p[2]]])
}

control <- list(threshold = 1e-12, tol = 1e-12, maxiter = 10000)
fit_one <- function(es, method) {
  z <- tryCatch(suppressWarnings(rma(yi, vi, data = es, method = method, control = control)),
                error = function(e) NULL)
  if (is.null(z)) return(NULL)
  list(tau2 = z$tau2, estimate = as.numeric(z$beta), se = z$se, q = z$QE,
       i2 = z$I2 / 100, lower = z$ci.lb, upper = z$ci.ub)
}
methods <- c("DL", "PM", "REML", "ML", "HE", "SJ", "HS", "CE")
values <- lapply(sets, function(d) {
  scales <- lapply(c(PAS = "PAS", PFT = "PFT", PLO = "PLO"), function(s) {
    es <- escalc(measure = s, xi = d$x, ni = d$n, add = if (s == "PLO") 1 / 2 else 0, to = "only0")
    lapply(setNames(methods, methods), fit_one, es = es)
  })
  c(d, list(scales = scales))
})
write_json(values, arguments[2], digits = NA, auto_unbox = TRUE)
