"""Meta-analysis of proportions: arrays in, arrays out. It knows no paper, no file and no notebook.

Vocabulary
----------
row : one line of the meta-analysis, a study or a part of one; x events among n patients, k rows.
scale : the transformation of a proportion (PAS arcsine, PFT double arcsine, PLO logit).
effect size y, sampling variance v : a row on that scale.
tau² : the variance between rows; `tau2_method` is its estimator. Common effect (CE): tau² is 0 by
    assumption.
confidence interval : of the pooled effect; `ci_method` is its rule.
prediction interval : where the proportion of a new row is expected; t with k - 2 unless said.
inverse : the way back from the double arcsine, which needs one overall n.
method : all of these choices as one value (`method.Method`).
small-study effects : small rows show another proportion than large ones, whatever the reason.
identified set : every vector of counts that prints as a result is printed; it may be empty.

Modules, each of which may import those above it
------------------------------------------------
effectsize : a proportion on a scale, its sampling variance, its way back.
method : `Method`, and every estimator, interval and model by its code. labels : codes in words.
kernels : compiled arithmetic, row by row; it checks nothing.
pooling : random effects (normal-normal model), common effect, Q-profile interval of tau².
likelihood : the counts are binomial: GLMM and beta-binomial. bayes : posteriors of mu and tau.
influence : leave-one-out, cumulative, diagnostics. moderators : subgroups, meta-regression.
small_study : five tests. funnel : contours, power, false alarms. trimfill : Duval and Tweedie.
specifications : every defensible method on the same counts.
counts : what a printed result says of unpublished counts: bounds, search, solve.
plots : a table in, a matplotlib Figure out.

Arrays have shape (..., k) in and (...) out: one set of rows and ten million are one call.
Proportions are fractions of one. Imports nothing of `compendium` or `clofarabine`.
"""
