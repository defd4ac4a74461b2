"""A page as one HTML file that needs nothing else: styles and pictures inside, no script, nothing from elsewhere.

Every text is escaped (jinja2's autoescape), and the page's content security policy allows inline styles and nothing else, so
that a title can't run even where escaping failed. Reads tasks/reporting/templates/.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tasks.reporting import pictures
from tasks.reporting.page import Figure, Page

TEMPLATES = Path(__file__).parent / "templates"
NOTHING = "–"


def render_page(page: Page) -> str:
    """The page's HTML."""
    text = _environment().get_template("page.j2").render(page=page, pictures=pictures)
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip()) + "\n"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": format_count,
        "share": format_share,
        "figure": format_figure,
        "money": format_money,
        "decimal": format_decimal,
    }
    return environment


def format_count(n: float) -> str:
    """12345 as 12 345, with a space that does not break."""
    return f"{n:,.0f}".replace(",", "\u202f")


def format_share(value: float | None) -> str:
    """0.123 as 12.3 %."""
    return NOTHING if value is None or math.isnan(value) else f"{100 * value:.1f}\u202f%"


def format_decimal(value: float | None) -> str:
    """Three significant decimals; a dash where there is no value."""
    if value is None or math.isnan(value):
        return NOTHING
    return format_count(value) if abs(value) >= 1000 else f"{value:.3f}".rstrip("0").rstrip(".")


def format_money(value: float) -> str:
    """US dollars, finer where they are few."""
    if not value:
        return "$0"
    return f"${value:,.2f}" if value >= 1 else f"${value:.6f}".rstrip("0")


def format_figure(figure: Figure) -> str:
    """A value with its interval."""
    if math.isnan(figure.value):
        return NOTHING
    if figure.is_share:
        interval = f" [{100 * figure.low:.1f}, {100 * figure.high:.1f}]"
        return f"{100 * figure.value:.1f}\u202f%{interval}"
    interval = "" if math.isnan(figure.low) else f" [{figure.low:.3f}, {figure.high:.3f}]"
    return f"{figure.value:.3f}{interval}"
