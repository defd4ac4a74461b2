"""What the page of the retrieval experiment says of its protocol and of reading it."""

from __future__ import annotations

from tasks.experiments.fusions import RRF_DEPTH, RRF_K, WEIGHTS

READING = (
    "A fusion is worth its second search where its lead is above zero with the interval; where the interval holds zero,"
    " this catalog can't tell. Intervals are percentile bootstraps over titles (1,000 draws, 95 %), of leads over the paired"
    " differences. Sharing a topic is a weak relevance: two stories of one topic may have nothing else in common, so read"
    " the columns as a comparison of searches and not as how good lists are.",
)


def describe_protocol(*, n_items: int, n_queries: int, n_texts: int, origin: str, max_queries: int) -> tuple[str, ...]:
    """The protocol in words."""
    weights = ", ".join(f"{weight:g}" for weight in WEIGHTS)
    drawn = f" (of more titles {max_queries} are drawn by hash)" if n_queries >= max_queries else ""
    return (
        f"Same topic: the query is an item's title, {n_queries} titles in all{drawn}. All {n_items} items are ranked by"
        " title and text; the item itself is left out. Relevant are the items that share its topic, which is"
        f" {origin}. Precision@k divides by k; NDCG@k has gain 1 for a relevant item, discount 1 / log2(rank + 1), and its"
        " ideal holds all relevant items. Equal scores go by item id.",
        f"Own text: the query is the same title, and {n_texts} items are searched by their text alone, without any title."
        " Relevant is the text that belongs to the title; a text that is the same word for word counts as it. MRR is the"
        " mean of 1 / rank, over the whole ranking; ties go against the own text.",
        "BM25 and dense are the sources `bm25` and `dense_profile`, with the title in place of a user's profile. Rank fusion"
        f" adds weight / ({RRF_K} + rank) over the first {RRF_DEPTH} of each list; z-scores adds weight times the score less its"
        f" mean, in standard deviations over all items of the query. Dense weighs 1, BM25 one of {weights}. Titles are halved"
        " by hash; the weight for one half is the one with the best precision@10 (own text: MRR) on the other half, so that"
        " no title has a say in the weight that it is measured with.",
    )
