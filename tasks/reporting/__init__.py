"""What a page about labels shows, the figures on it, and its HTML. Pure: no warehouse, no network, no clock.

page        the data classes of a page
figures     accuracy, kappas, alpha and reliability from counts
versus      two labelings against people's word: McNemar's test, bootstrap, a verdict in a sentence
pictures    shapes of the inline pictures
render      a page as one HTML file
"""

from tasks.reporting.page import Page, TaskView
from tasks.reporting.render import render_page

__all__ = ["Page", "TaskView", "render_page"]
