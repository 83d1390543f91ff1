"""The helper module of the notebooks: this paper, its tables, its audit and its figures."""
