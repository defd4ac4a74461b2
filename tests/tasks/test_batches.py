"""An endpoint that is asked in batches: a night that is too short ends partial, and another picks the batch up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flows.settings import Settings
from tests.night import Nights


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_batch_is_collected_in_one_night_or_in_two(nights: Nights, seconds: float) -> None:
    fake = Settings().read_endpoints()["fake"]
    slow = replace(fake, mode="batch", batch_wait_s=0.0 if seconds else 60.0, faults={"batch_seconds": seconds})
    nights.changes = {"endpoints": {"fake": slow}, "endpoint": "fake"}
    first = nights.run("ingest", "topics")["topics"]
    # A first request may go online, to learn how the server wants to be asked.
    assert first.is_partial == (seconds > 0)
    assert first.rows_out + first.n_due == 30
    nights.changes = {"endpoints": {"fake": replace(slow, batch_wait_s=60.0)}, "endpoint": "fake"}
    assert nights.run("topics")["topics"].rows_out == first.n_due
    assert nights.value("select count(*) from current_topic_labels") == 30
