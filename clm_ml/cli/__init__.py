"""The street: verbs, arguments, and the one place where errors become words.

Everything heavy is imported inside the verbs, so that `clm-ml --help` answers at once.
"""

from clm_ml.cli.asking import app
from clm_ml.cli.verbs import main

# Verbs hang themselves on the app, and are listed in the order in which they do.
# isort: split
from clm_ml.cli import segmenting  # noqa: F401

# isort: split
from clm_ml.cli import migrating  # noqa: F401

__all__ = ["app", "main"]
