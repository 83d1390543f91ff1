"""Meta-analysis of proportions: arrays in, arrays out. It knows no paper and no notebook.

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
effectsize
    A proportion on a scale, its sampling variance, its way back.
method
    `Method`, and every estimator, interval and model by its code.
labels
    What the codes are called.
kernels
    Compiled arithmetic, row by row; it checks nothing.
threads
    Parts of an array side by side.
batch
    The same for many sets side by side, where the estimator allows it (DL).
pooling
    Random effects (normal-normal model), common effect, Q-profile interval of tau².
heterogeneity
    Q, tau² and I² with their intervals.
equivalent
    A method in a sentence, and as calls of R.
likelihood_kernels
    Compiled log-likelihoods of counts, and the climb to their top.
likelihood
    The counts are binomial: GLMM and beta-binomial.
bayes
    Posteriors of mu and tau, rows normal.
bayes_binomial
    The same with the counts binomial.
prediction
    What is said of the rate of a new study.
influence
    Leave-one-out, cumulative, diagnostics.
moderators
    Subgroups and meta-regression.
specifications
    Every defensible method on the same counts.
robustness
    Ranges of these over many vectors of counts, as tables.
line
    A weighted straight line through each of many sets.
small_study
    Five tests of small-study effects.
trimfill
    Duval and Tweedie.
funnel
    Contours, power, false alarms.
counts
    What a printed result says of unpublished counts.
plots
    A table in, a matplotlib Figure out.
printed
    What printed this? Counts and methods behind printed results, as one call or command.

Arrays have shape (..., k) in and (...) out: one set of rows and ten million are one call.
Proportions are fractions of one. Only `printed` reads and writes files. Imports nothing of
`compendium` or `clofarabine`.
"""
