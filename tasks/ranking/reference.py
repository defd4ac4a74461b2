"""Writes docs/features.md from the feature table: `python -m tasks.ranking.reference > docs/features.md`."""

from __future__ import annotations

import sys

from tasks.ranking.feature_table import FEATURES

INTRODUCTION = """\
# What the ranker sees

This page is generated from `tasks/ranking/feature_table.py` (`python -m tasks.ranking.reference > docs/features.md`); a test
fails when it is stale.

One row is one user and one candidate item. There are {count} columns, all 32-bit floats; a value that is not known is NaN,
which LightGBM takes as "missing". The columns, in order:

| column | meaning | made from | known |
|---|---|---|---|
{rows}

**Never among them:** an id, a label of the judge, anything that happened after `as_of`, and in training and evaluation
anything of the held-out part. So the ranker is not graded on its own input: see [architecture.md](architecture.md#holdout).

**Within the user.** `_z` columns compare a pair with the user's candidates only (rows with a `fused_rank`). A judged pair
that is no candidate is measured against these too, so that a row says the same in training as at night.

**Liked** is a history entry of positive weight, **disliked** one of weight 0 or less (`[events]` of the catalog file).

**No column is a piece of an embedding.** 16 principal components of the items' vectors made the lists of MovieLens 100k no
better (two splits inside a training part), and would cost a fifth more columns.

**Within one fold.** Rows that are learnt from are built a fold at a time: the sources, the popularity and the history of a
row know nothing of what the fold holds out, so no interaction is in the model that scores it.

**In one catalog, some columns say nothing**: without categories there is no `category_affinity`, without publication times
no `age_days`. `train` names them in its report, and LightGBM ignores them.

The gate `features` stops the run when a column that is always known is empty, when a value is infinite, or when a pair
comes twice. Which columns a model gained most from is in `models.metadata`:

```
nightjar sql "select catalog, model_id, metadata->'importances' as importances from models order by trained_at desc limit 1"
```
"""


def render_features() -> str:
    """The table of features as Markdown."""
    rows = [f"| `{one.name}` | {one.meaning} | {one.source} | {one.known} |" for one in FEATURES]
    return INTRODUCTION.format(count=len(FEATURES), rows="\n".join(rows))


if __name__ == "__main__":
    sys.stdout.write(render_features())
