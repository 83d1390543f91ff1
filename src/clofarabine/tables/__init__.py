"""The data package: its tables read, validated and saved. Imports nothing of the other rooms.

Notebooks write ``from clofarabine import tables`` and ``tables.load("bounds")``. A module may
import those above it:

- ``paths``: where files lie, and how they are written;
- ``schema``: a CSV file against the description of its columns; the error that says what is wrong;
- ``description``: data/datapackage.json, which describes every file and column;
- ``rules``: what joins columns or tables;
- ``store``: tables by name, read and saved;
- ``evidence``: what is known of the counts; a user's own counts and tables;
- ``printed``: a number as the paper prints it (alone, imports none).
"""

from .description import codebook, package, resource
from .evidence import given_counts, load_counts, load_evidence
from .printed import Printed
from .schema import DataError
from .store import Tables, load, save_derived

__all__ = [
    "DataError",
    "Printed",
    "Tables",
    "codebook",
    "given_counts",
    "load",
    "load_counts",
    "load_evidence",
    "package",
    "resource",
    "save_derived",
]
