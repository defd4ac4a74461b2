"""Source `new_arrivals`: what was published in the last days, newest first, the same for everybody."""

from __future__ import annotations

import numpy as np

from tasks.retrieval.item_index import ItemIndex
from tasks.retrieval.shared_order import SharedSource


class NewArrivals(SharedSource):
    """Score: 1 - age / recent_days in (0, 1] for an item published less than recent_days before as_of_day, else 0.

    as_of_day: days since 1970; what is published after it is not there yet and has 0. An item without a time has no
    score and is never new.
    """

    name = "new_arrivals"

    def __init__(self, index: ItemIndex, *, as_of_day: float, recent_days: float) -> None:
        age = as_of_day - index.published_days
        is_outside = (age < 0) | (age >= recent_days)
        super().__init__(np.where(is_outside, 0.0, 1.0 - age / recent_days), is_active=index.is_active)
