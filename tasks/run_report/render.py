"""A report as one HTML file that needs nothing else and asks nobody: styles, Plotly and the data lie inside.

Every text is escaped (jinja2's autoescape), the data can't end their script element, and the content security policy
lets run only the two scripts whose checksums it names: Plotly's, and ours that hands it the data. So a title can't run
even where escaping failed. Reads tasks/run_report/templates/ and plotly.min.js of the installed package (4.8 MB).
"""

from __future__ import annotations

import base64
import hashlib
import math
from datetime import datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tasks.reporting.render import NOTHING, format_count, format_decimal, format_money, format_share
from tasks.run_report.facts import RunFacts
from tasks.run_report.figures import draw_figures
from tasks.run_report.measured import Measure
from tasks.run_report.measuring import SHOWN
from tasks.run_report.texts import to_script_json

TEMPLATES = Path(__file__).parent / "templates"
POLICY = "default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def render_report(facts: RunFacts) -> str:
    """The page's HTML, about 5 MB; only facts decide what is in it."""
    figures = draw_figures(facts)
    plotly, script = _read_plotly(), (TEMPLATES / "script.j2").read_text(encoding="utf-8")
    policy = POLICY.format(scripts=" ".join(f"'{_checksum(text)}'" for text in (plotly, script)))
    # Scripts go in as they are, after the page is made: their checksums are of every byte.
    return (
        _environment()
        .get_template("page.j2")
        .render(
            facts=facts,
            figures={name: figure["layout"]["height"] for name, figure in figures.items()},
            policy=policy,
            shown=SHOWN,
            data=Markup(to_script_json(figures)),
            plotly=Markup(plotly),
            script=Markup(script),
        )
    )


@cache
def _read_plotly() -> str:
    # Imported here because only who writes a report needs it.
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs()).replace("\r\n", "\n").replace("\r", "\n").replace("</script", "<\\/script")


def _checksum(text: str) -> str:
    """As a content security policy names a script."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


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
        "decimal": format_decimal,
        "money": format_money,
        "duration": format_duration,
        "moment": format_moment,
        "measure": format_measure,
        "code": format_code,
        "dollars": format_dollars,
    }
    return environment


def format_duration(seconds: float) -> str:
    """78.4 as 1 min 18 s; a dash where nothing has ended."""
    if math.isnan(seconds):
        return NOTHING
    if seconds < 60:
        return f"{seconds:.1f}\u202fs"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}\u202fh {minutes}\u202fmin" if hours else f"{minutes}\u202fmin {rest}\u202fs"


def format_moment(moment: datetime) -> str:
    """A naive UTC moment to the minute."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def format_measure(measure: Measure | None) -> str:
    """A value with its interval."""
    if measure is None or measure.value is None:
        return NOTHING
    interval = "" if measure.low is None or measure.high is None else f" [{measure.low:.3f}, {measure.high:.3f}]"
    return f"{measure.value:.3f}{interval}"


def format_dollars(value: float) -> str:
    """US dollars to the cent, to a hundredth of one where they are fewer; figures of a stage are told exactly."""
    return "$0" if not value else f"${value:,.2f}" if value >= 0.1 else f"${value:.4f}"


def format_code(text: str) -> Markup:
    """A sentence of ours in which `words` between backticks become code; all of it is escaped."""
    parts = text.split("`")
    return Markup("").join(Markup("<code>{}</code>").format(part) if n % 2 else part for n, part in enumerate(parts))
