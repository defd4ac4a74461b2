"""From candidates to recommendations: features, LambdaMART, the top of each list and a reason for every row.

    splits  truth  training_rows    who is held out, what counts as relevant, which rows the ranker learns from
    feature_table  features         the columns of a pair: what each means, and how it is computed
    inputs  item_counts             what the features are computed from
    pair_places  pair_runs          where pairs stand; pairs user by user, so that features need no loop over users
    source_features  time_features  overlap_features  history_features  affinity  neighbour_features  profile_features
    query_features                  the parts of `features`
    model                           training, scoring and the text that a model is stored as
    top_n  reasons                  the list that is published, and why each item stands in it

Everything is pure: arrays and frames in, frames out. Work is done a shard of users at a time; only training holds all
labelled rows at once.
"""
