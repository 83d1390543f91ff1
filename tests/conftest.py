"""What several test files share."""

import os
import shutil

import pytest
from hypothesis import settings

# One seed for all machines: a failure found once is found again.
settings.register_profile("compendium", derandomize=True, deadline=None, max_examples=100)
settings.load_profile("compendium")


def need(tool: str) -> str:
    """Path of a program; without it the test skips here and fails in CI, which installs it."""
    path = shutil.which(tool)
    if path is None:
        message = f"{tool} is not installed"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path
