"""What every study shares: entries, evaluation settings, sweeps, comparisons, and pages.

A study is a record of entries (`entries`) that are trained in evaluation settings (`settings`) for
every seed as resumable stages (`sweep`), compared by paired tests (`compare`), and reported as JSON
and Markdown (`reports`, `markdown`, `plots`). What is trained is left to the study.
"""
