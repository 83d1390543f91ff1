# R metafor as the printer of notebook 08: Rscript printer.R FOLDER
#
# Counts of real data sets of R metadat, and the pooled proportions that metafor gives for them, at
# full precision: rounding is the notebook's. Stopping rules are tight, as in metafor.R.
suppressPackageStartupMessages({
  library(metafor)
  library(metadat)
})

folder <- commandArgs(trailingOnly = TRUE)[1]
tight <- list(threshold = 1e-14, tol = 1e-14, maxiter = 10000)
estimators <- c("DL", "PM", "REML", "ML", "HE", "SJ", "HS", "EE")

rows <- function(name, label, x, n) {
  keep <- !is.na(x) & !is.na(n)
  data.frame(data_set = name, label = make.unique(as.character(label[keep])), n = n[keep], x = x[keep])
}

arms <- list(
  with(subset(dat.gurusamy2011, treatment == "rFVIIa"), rows("gurusamy2011 rFVIIa", study, death, n)),
  with(subset(dat.gurusamy2011, treatment == "Tranexamic acid"), rows("gurusamy2011 tranexamic", study, death, n)),
  with(subset(dat.gurusamy2011, treatment == "Aprotonin"), rows("gurusamy2011 aprotinin", study, death, n)),
  with(subset(dat.laopaiboon2015, age == "children"), rows("laopaiboon2015", author, ai, n1i)),
  with(subset(dat.baker2009, treatment == "Formoterol"), rows("baker2009", study, exac, total)),
  with(dat.hine1989, rows("hine1989", source, ai, n1i)),
  with(subset(dat.hasselblad1998, trt == "grp_counseling"), rows("hasselblad1998", authors, xi, ni)),
  with(subset(dat.linde2005, group == 1), rows("linde2005", study, ci, n2i)),
  with(dat.gibson2002, rows("gibson2002", author, ai, ai + bi)),
  with(subset(dat.pagliaro1992, trt == "beta-blockers"), rows("pagliaro1992", paste("study", study), xi, ni)),
  with(dat.collins1985b, rows("collins1985b", author, pre.xti, pre.nti)),
  with(dat.debruin2009, rows("debruin2009", author, xi, ni)),
  with(dat.pritz1997, rows("pritz1997", authors, xi, ni)),
  with(dat.nielweise2007, rows("nielweise2007 standard", author, ci, n2i)),
  with(dat.nielweise2007, rows("nielweise2007 treated", author, ai, n1i))
)
counts <- do.call(rbind, arms)

pooled <- function(d, scale, method) {
  # half an event and half a non-event where a row has none, and there only: metafor's own rule for the logit
  es <- escalc(measure = scale, xi = d$x, ni = d$n, add = if (scale == "PLO") 0.5 else 0, to = "only0")
  fit <- function(...) rma(yi, vi, data = es, method = method, control = c(tight, ...))
  z <- tryCatch(fit(), error = function(e) fit(stepadj = 0.5))  # shorter steps where full ones swing
  back <- switch(scale, PAS = predict(z, transf = transf.iarcsin), PLO = predict(z, transf = transf.ilogit),
                 PFT = predict(z, transf = transf.ipft.hm, targs = list(ni = d$n)))
  data.frame(data_set = d$data_set[1], scale = scale, tau2_method = sub("EE", "CE", method),
             estimate = 100 * back$pred, lower = 100 * back$ci.lb, upper = 100 * back$ci.ub, tau2 = z$tau2)
}

printed <- do.call(rbind, lapply(arms, function(d) {
  do.call(rbind, lapply(c("PAS", "PFT", "PLO"), function(s) {
    do.call(rbind, lapply(estimators, function(m) pooled(d, s, m)))
  }))
}))
printed$software <- paste("metafor", packageVersion("metafor"))

full <- function(v) if (is.numeric(v)) format(v, digits = 15, trim = TRUE, scientific = FALSE) else v
each <- function(v) if (is.double(v)) vapply(v, full, "") else v
write.csv(counts, file.path(folder, "counts.csv"), row.names = FALSE, quote = FALSE)
write.csv(as.data.frame(lapply(printed, each)), file.path(folder, "printed_by_metafor.csv"),
          row.names = FALSE, quote = FALSE)
