"""The data package: its tables read, validated and saved. Imports nothing of the other rooms.

Notebooks write ``from clofarabine import tables`` and ``tables.load("bounds")``. A module may
import those above it:

paths
    Where files lie, and how they are written.
schema
    A CSV file against the description of its columns; the error that says what is wrong.
description
    Data/datapackage.json, which describes every file and column.
rules
    What joins columns or tables.
store
    Tables by name, read and saved.
evidence
    What is known of the counts; a user's own counts and tables.
printed
    A number as the paper prints it (alone, imports none).
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
