"""Candidate sources and their fusion: which few hundred items of a catalog may interest each user of a shard.

    item_index    the catalog as arrays, built once a run        user_shard   some users and their histories as arrays
    source        the seam: what a source promises               exact_search nearest vectors, without approximation
    dense_profile dense_history bm25 popularity collaborative    one source a file
    filters       what must not be recommended, counted          fusion       weighted reciprocal rank
    candidates    all of it for one shard                        neighbours   which items lie near which (similar pairs)

Everything is pure: arrays and frames in, frames out. Memory grows with the shard and the catalog, never with the number
of users of the catalog (only `collaborative` reads all interactions once, to fit).
"""
