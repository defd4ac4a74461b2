"""Candidate sources and their fusion: which few hundred items of a catalog may interest each user of a shard.

What they look at
    item_index     the catalog as arrays, built once a run      user_shard     some users and their histories as arrays
    id_table       where ids stand among many known ones
What a source is
    source         the seam: what a source promises             build          the configured sources, fitted once
    dense_profile  dense_history  rewritten_query  aspects      by vectors; interests sums a history up in centroids
    bm25                                                        by words
    relations                                                   by series, author, sequel and the like
    item_to_item  collaborative                                 by what the same people chose (choices, ease, als)
    popularity  recent_popularity  new_arrivals                 the same for everybody (shared_order)
    exploration                                                 by chance, with its propensity
How vectors are searched
    vector_search  the seam        exact_search   all of them   approximate_search   most of them, its recall measured
    cells          rows parted by nearness, by faiss's k-means  best_query     a user with several queries
    neighbours     which items lie near which (similar pairs)
From lists to candidates
    order    the lists of many users, sorted at once
    filters  rules the catalog's rules as masks                 allowed_lists  a source's list of what may be shown
    fusion   by rank or by score                                proposals      lists, fusion, duplicates, cut
    fallback for whom nothing is known                          candidates     all of it for one shard

Everything is pure: arrays and frames in, frames out. Memory grows with the shard and the catalog, never with the number
of users of the catalog (only what learns from choices reads all interactions once, to fit).
"""
