"""The helper module of these notebooks: the meta-analysis of Jeha et al. 2023 and nothing else.

tables : the data package, read, validated and saved. audit : one verdict for every printed number.
studies : the rows to pool. parameters : what the notebooks' parameters may be. figures : pictures
of this paper, and saving one. One module a notebook (design: question, table or figure, sentence):
explorer (00), extraction (01), reconstruction and consequences (02), primary (03), sensitivity
(04), small_study (05), safety (06), audit (07). headline : the numbers that README states.

May import `metaprop`. Only `__main__`, the command line, imports `compendium`.
"""
