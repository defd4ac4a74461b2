"""Great Expectations' page view with our own frame around it: no script, no remote file, nothing that a title can run.

Great Expectations 1.24 renders Data Docs for a browser that may load scripts and styles from seven hosts, builds the
index with JavaScript and does not escape table cells. Here pages are static, and their content security policy allows
inline styles and nothing else, so that text from a catalog is shown and never executed, even where escaping fails.
Reads tasks/gates/templates/.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

TEMPLATES = Path(__file__).parent / "templates"


class OfflineView:
    """Renders a document of Great Expectations' renderers into one HTML page."""

    def __init__(self) -> None:
        # Imported here because great_expectations takes seconds to import, which only Data Docs should pay.
        from great_expectations.render.view import DefaultJinjaPageView
        from jinja2 import ChoiceLoader, FileSystemLoader

        self._view: Any = DefaultJinjaPageView()
        # Ours come first, so that a template of the same name replaces theirs.
        self._view.env.loader = ChoiceLoader([FileSystemLoader(TEMPLATES), self._view.env.loader])

    def render(self, document: Any, *, home: str) -> str:
        """The page; home is the relative path of the index."""
        page = str(self._view.render(document, home=home))
        return "\n".join(line.rstrip() for line in page.splitlines() if line.strip()) + "\n"
