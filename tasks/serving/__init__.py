"""The lists that are served: what score made, in the order that rerank's answers give, with what explain's say.

    scored = the lists of score, with template reasons        shards
    recommendations = scored + rerank_orders + explanations   shards

`recommendations` is always made anew from these three by `write_recommendations`, with which score, rerank and explain all
end. So each may run again, in any order and as often as one likes: answers are stored under what was asked, they count
wherever the same list or item is asked about again, and what has no answer stays as score made it.
"""

from tasks.serving.compose import Served, stand_down, write_recommendations
from tasks.serving.lists import COLUMNS, SCORED, TEMPLATE

__all__ = ["COLUMNS", "SCORED", "TEMPLATE", "Served", "stand_down", "write_recommendations"]
