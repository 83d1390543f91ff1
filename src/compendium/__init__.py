"""Numbered notebooks through papermill, compared with what is committed, and published.

This package knows no statistics and no paper. It imports neither of the other two; a project hands
over what only it can say (`steps.Hooks`). Each module imports only modules above it:

errors
    The error that ends a command with one message; imports nothing.
files
    Names as messages show them, hashes of regular files; imports errors.
publish
    A set of files replaced as one; the standard library only (tools/clean.py uses it alone).
steps
    Step, Ledger, Hooks, Project, and reading a project file; imports errors, files.
notebooks
    A notebook's file before it runs, and its parameters; imports errors, files, steps.
forkserver
    The process that kernels are forked from, a script of its own; the standard library only.
warm
    Kernels forked from it; the standard library only until one is asked for.
lab
    The same in JupyterLab, an extension of its server; imports warm.
left
    What a notebook leaves running, named and ended; imports none of these.
kernel
    One notebook executed through papermill; imports errors, warm, left.
run
    One step in a folder of its own, or its finished run; imports all above.
workspace
    A build folder: locked, cleared, put together; imports run and what that imports.
schedule
    All steps in the order of what flows, with a bar; imports run and what that imports.
compare
    Runs beside what is committed; imports run, steps.
codecheck
    The manifest of codecheck.yml; imports errors, steps.
grid
    One step over combinations of parameters; imports run, schedule, workspace.
drawings
    Letters, marks and styles that the drawings of a page share; imports nothing.
page_tables
    Tables of a page, framed and named; imports nothing.
page_links
    Where the links of a page lead; imports steps.
html_report
    Notebooks and ledger as one page; imports run, workspace and the three above.
cli
    The command line; imports all, each when a command needs it.
"""

import sys

# jsonschema, which nbformat brings, would spend a second here on formats that no notebook has: a
# grammar of web addresses, and durations.
for _format in ("rfc3987_syntax", "isoduration"):
    sys.modules.setdefault(_format, None)
