"""Reads the catalog, a shard of users and what is known as truth from the warehouse, as the arrays that are computed with.

history   pair_history of this connection: what is known as of the day, and what is held out
arrays    the item index, the sources, item facts, one shard of users (shard_inputs: what it is read from, and made of)
truth     which users have truth, and the truth of some of them
"""
