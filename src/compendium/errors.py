"""The error that ends a command with one message instead of a traceback."""


class PipelineError(RuntimeError):
    """A run that did not finish or was refused; the message names file, cell and error."""
