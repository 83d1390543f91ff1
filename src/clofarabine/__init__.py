"""Helper package of the reproducibility compendium for Jeha et al. 2023 (Adv Ther 40:5447).

Modules: `data` reads and validates, `proportions` and `pooling` hold the statistics, `exact` and
`bayes` other models, `influence` and `moderators` what one study or one trait does, `sensitivity`
every specification, `bias` the small-study tests, `figures` the drawing, `pipeline` and `compare`
run the notebooks.
"""
