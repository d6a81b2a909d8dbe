"""How Sphinx makes the site: ``sphinx-build -W --keep-going -n docs build/site``."""

import inspect
import re
from importlib import import_module
from typing import Any

from sphinx.application import Sphinx

import mcal
from mcal.settings.base import Model

project = "mcal"
copyright = "the authors of mcal"
version = release = mcal.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = "mcal"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
templates_path: list[str] = []
exclude_patterns = ["*.py"]
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3  # the anchors that GitHub makes, so that links work there too
suppress_warnings = ["myst.header"]  # included files begin with headings of their own

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_type_aliases = {
    "IndexArray": "mcal.types.IndexArray",
    "FloatArray": "mcal.types.FloatArray",
    "npt.ArrayLike": "numpy.typing.ArrayLike",
}
napoleon_google_docstring = False
napoleon_use_param = False  # else "(N,) float" is looked up as the name of a class
napoleon_use_rtype = False
napoleon_custom_sections = [("Attributes", "params_style")]
maximum_signature_line_length = 80

# Names of other projects: nothing is fetched while building, so there is no inventory of theirs.
nitpick_ignore_regex = [
    (r"py:.*", r"(numpy|np|npt|pathlib|collections|datetime|pd|matplotlib)\..*")
]
nitpick_ignore = [
    # Short names for a choice of words, which the docstrings spell out.
    ("py:class", "Engine"),
    ("py:class", "Form"),
    ("py:class", "BoolArray"),
    # What Sphinx makes of a union with one of the aliases above.
    ("py:class", "TypeAliasForwardRef"),
    # Open to those who extend the labelling page, and no promise.
    ("py:class", "mcal.annotators.inbox.Inbox"),
]

_MADE_OTHERWISE = {"mcal.Campaign", "mcal.CampaignSummary", "mcal.types.Event"}
_MADE_OTHERWISE |= {"mcal.report.Story", "mcal.store.Store"}
"""Nobody calls these constructors, and some are long."""


def _sizes(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """``|B|`` is the size of a set here, not a substitution."""
    lines[:] = [re.sub(r"(?<![`|\w])\|([A-Z](?:_\w+)?)\|", r"\\|\1\\|", line) for line in lines]


def _colons(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Napoleon takes what stands before a colon for a type; ours are sentences."""
    kinds = [at for at, line in enumerate(lines) if line.startswith(":type:")]
    if what in ("attribute", "property") and kinds:
        words = lines[kinds[0]].removeprefix(":type:").strip()
        lines[:] = [f"{words}: {lines[0]}", *lines[1 : kinds[0]]]


def _comments(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Short fields are explained by the comment behind them."""
    if what != "attribute" or lines:
        return
    owner = name.rpartition(".")[0]
    module, _, cls = owner.rpartition(".")
    source = inspect.getsource(getattr(import_module(module), cls))
    field = re.escape(name.rpartition(".")[2])
    if found := re.search(rf"^    {field}\b[^#\n]*#:? (.+)$", source, re.MULTILINE):
        lines[:] = [found[1]]


def _signature(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str | None, returns: Any
) -> tuple[str, str] | None:
    if isinstance(obj, type) and issubclass(obj, Model):
        return "(**keys)", ""
    return ("", "") if name in _MADE_OTHERWISE else None


def _reachable(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Wide code and tables can be scrolled by keyboard; captions are headings of a level."""
    if "body" in context:
        body = context["body"].replace("<pre>", '<pre tabindex="0">')
        context["body"] = body.replace(
            '<div class="table-wrapper', '<div tabindex="0" class="table-wrapper'
        )
    tree = context.get("furo_navigation_tree", "")
    context["furo_navigation_tree"] = tree.replace(
        'class="caption" role="heading"', 'class="caption" role="heading" aria-level="2"'
    )


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-docstring", _comments, priority=300)
    app.connect("autodoc-process-docstring", _sizes, priority=400)
    app.connect("autodoc-process-docstring", _colons, priority=600)  # after Napoleon's 500
    app.connect("autodoc-process-signature", _signature)
    app.connect("html-page-context", _reachable, priority=900)  # after furo's own
