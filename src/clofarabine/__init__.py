"""The helper module of these notebooks: the meta-analysis of Jeha et al. 2023 and nothing else.

May import `metaprop`. Only `__main__`, the command line, imports `compendium`.

tables
    The data package, read, validated and saved.
audit
    One verdict for every printed number (notebook 07).
figures
    Pictures of this paper, and saving one.
text
    `say`: a sentence with its numbers filled in.
show
    `table`: a table as people read it.
studies
    The rows to pool.

parameters.py
    What the notebooks' parameters may be.
summary
    Notebook 00: what was asked, what was found, how sure.
explorer
    Notebook 00: drop-down lists beside a forest plot.
appraisal
    Risk of bias of the studies, as far as published text says.
extraction
    Notebook 01.
reconstruction
    Notebook 02: evidence, methods, identified sets.
consequences
    What identified sets say of unpublished results.
evidence_pieces
    What each printed number and documented count contributes.
breakdown_headlines
    The conclusions that are tested, and what speaks against each.
breakdown
    How little overturns each conclusion.
rounding
    Ties and the rules of rounding they fit.
tiers
    Which software gives a method.
inverse_n
    Which sample size the way back from the double arcsine had.
readings
    Readings of a sentence without its formula.
identified
    Notebook 02: the evidence with its identified sets, saved.
identified_facts
    Numbers of its sentences on what the evidence leaves.
identified_shown
    Tables, figures and captions beside them.
primary_alone
    Notebook 02: both ages of a survey, and the primary numbers without a documented count.
corrected
    Notebook 02: the primary numbers as arcsines of corrected counts.
what_follows
    Notebook 02, last sections: heterogeneity, prediction, unused results, scenarios.
documented
    What the pooled rates of documented counts rest on: designs, single rows, readings of a count.
primary
    Notebook 03: one choice, pooled and drawn.
by_moderator
    Notebook 03: the same by groups and along covariates.
published_results
    Notebook 03: the paper's results beside ours.
sensitivity
    Notebook 04.
small_study
    Notebook 05.
small_study_moderators
    Its test with a column held.
small_study_power
    What the tests of notebook 05 could see.
small_study_figures
    Pictures of notebook 05.
safety
    Notebook 06: rates of adverse events.
safety_facts
    Numbers of its sentences.
safety_shown
    Its tables and captions.
validation
    Notebook 08: results that metafor printed from known counts, asked back.
validation_published
    Published results with public counts.
validation_shown
    Its tables, sentences and picture.
headline
    The numbers that README states.
"""
