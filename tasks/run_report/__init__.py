"""The report of a run as one page: facts from rows, figures, HTML. Pure: no warehouse, no network, no clock.

facts, measured    what the page shows, as data classes
texts         makes texts from elsewhere safe to show
running, labels, projection, measuring, lists, gate_results    rows of the warehouse to facts
verdict       the run in a sentence, what changed, what needs a look
drawing, run_charts, label_charts, metric_charts, figures      facts to Plotly's figures
render        all of it as one HTML file
"""

from tasks.run_report.facts import RunFacts
from tasks.run_report.render import render_report

__all__ = ["RunFacts", "render_report"]
