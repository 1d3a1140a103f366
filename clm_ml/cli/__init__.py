"""The street: verbs, arguments, and the one place where errors become words.

Everything heavy is imported inside the verbs, so that `clm-ml --help` answers at once.
"""

from clm_ml.cli.asking import app
from clm_ml.cli.measure import measure
from clm_ml.cli.verbs import main

__all__ = ["app", "main", "measure"]
