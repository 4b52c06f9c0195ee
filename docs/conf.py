"""Sphinx configuration: Markdown pages, Markdown docstrings, nothing fetched from elsewhere."""

import sys
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from docs import docstrings, generate, offline

project = "tsreward"
author = "The tsreward authors"
copyright = f"2026, {author}"
release = version = installed("tsreward")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
default_role = "code"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}

html_theme = "furo"
html_title = f"tsreward {release}"
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def setup(app: Any) -> None:
    """Write the pages that come from the code, then escape what is no markup in its docstrings; check at the end."""
    # Before Sphinx looks for pages, so that autosummary reads api.md in the first build too.
    app.connect("config-inited", lambda app, config: generate.write(Path(app.srcdir) / "reference"))
    app.connect("autodoc-process-docstring", docstrings.escape, priority=100)
    app.connect("build-finished", offline.check)
