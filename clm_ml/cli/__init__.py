"""The street: verbs, arguments, and the one place where errors become words.

Everything heavy is imported inside the verbs, so that `clm-ml --help` answers at once.
"""

from clm_ml.cli.asking import app
from clm_ml.cli.verbs import main

from clm_ml.cli import customer  # isort: skip - verbs are listed in the order in which they are made

__all__ = ["app", "customer", "main"]
