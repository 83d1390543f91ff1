"""One verdict for every number that the paper prints.

A rule holds one printed number (the claim) against others that do not contain it. May import
`tables` and `metaprop`; `identified` also `readings` and what that imports.

ledger
    Every claim with what it states and where.
expressions
    The small safe language of the rules.
checks
    A check of a claim, how it is compared, and the registry of rules.
rule_table
    data/sources/audit_rules.csv, read and applied.
rules_tables
    Sums, percentages (GRIM test) and differences of the tables.
rules_text
    The text against the tables.
rules_primary_reports
    The text against the studies' own reports.
identified
    The counts behind the pooled results, given or found; sentences that rest on them.
rules_pooled_results
    The pooled results against the identified set.
rules_safety
    The Safety paragraph against Tables 3 and 4.
verdicts
    What the rules say of each claim, judged.
summary
    What notebook 07 shows.
error_rate
    How often the audit notices a number put wrong on purpose.
"""
