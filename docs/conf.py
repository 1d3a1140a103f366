"""How the site is built: `make docs`, with every warning an error; nothing in its pages asks another host."""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "clm-ml"
author = "the clm-ml authors"
version = release = version_of("clm-ml")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "formulas",
    "known_names",
    "catalogues",
]
root_doc = "index"
exclude_patterns = ["_ext"]
nitpicky = True
# Types of other packages have no page here; nor have the parts of which config and model are made: the page of the
# config tells its keys, and a model is used whole.
nitpick_ignore_regex = [
    (r"py:.*", r"(pd|np|nw|pa|pandas|numpy|narwhals|pyarrow|pydantic|sklearn|matplotlib)\..*"),
    (r"py:.*", r"(pathlib|datetime|collections|typing)\..*"),
    (r"py:class", r"clm_ml\.(config|model|features|segments|engine|uplift\.learners|customer_view\.telling)\..*"),
    (r"py:(class|exc)", r"(clm_ml\.tables\.validated\.Earlier|Doubt)"),  # of nightly runs, which nobody else makes
]

# Docstrings are prose with `code` in single backticks, and sections as Google has them.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # the attributes of a result as one list, as arguments are

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
html_math_renderer = "mathml"

html_theme = "furo"
html_title = "clm-ml"
html_static_path = ["_static"]
html_css_files = ["clm.css"]
html_favicon = "_static/mark.svg"
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_use_index = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b5f6b", "color-brand-content": "#0b5f6b"},
    "dark_css_variables": {"color-brand-primary": "#6cc5cf", "color-brand-content": "#6cc5cf"},
}
