"""What each key of a catalog file means, in a line; docs/catalog-reference.md prints them beside type and default."""

from __future__ import annotations

from collections.abc import Mapping

SOURCE: Mapping[str, str] = {
    "format": "how the source is written; see [catalogs.md](catalogs.md#formats)",
    "path": "file, folder or zip, relative to the catalog file; `{name}` is filled from `[parameters]`",
    "columns": 'our column = the source\'s column; a csv without header calls its columns "0", "1", …',
    "attributes": "source columns that are kept as they are, as JSON in `attributes`; not for interactions",
    "types": "the type of an attribute, or of one of our columns that is text by default; a value that does not fit"
    " quarantines its row",
    "required": "columns of ours that must not be empty, beside those that never may be",
    "events": "the source's name of an event = ours; other names stay as they are",
    "encoding": "of text files: any that Python knows",
    "separator": 'csv: the character between fields; `"\\t"` for tabs',
    "list_separator": "what stands between the parts of a list that is written as text",
    "has_header": "csv: line 1 holds the column names",
    "has_quotes": 'csv: `"` encloses fields; false where quotes are ordinary characters',
    "default_event": "the event of rows that name none",
    "member": "the file or folder to read inside a zip or folder",
}
TOPIC: Mapping[str, str] = {
    "name": "the topic as it stands in labels and in the published tables",
    "parent": "the topic that this one is part of; an item of this topic is one of the parent's too",
    "description": "what belongs to it, in a sentence; the embedded labeler starts from it, an LLM reads it",
    "guidelines": "how to decide doubtful cases; an LLM reads all, the embedded labeler the clauses that say what belongs here",
    "examples": "titles or phrases that belong to it; both labelers use them",
}
REDACT_PATTERN: Mapping[str, str] = {
    "name": "what stands in brackets in the place of a match; begins with a letter, and is neither `email` nor `phone`",
    "pattern": "a regular expression as Python's `re` knows them, at most 1,000 characters",
}
# Sources and topics come several times in a file and are told above; here is everything else, by its full name.
MEANINGS: Mapping[str, str] = {
    "name": "the catalog's name in every table and file; lower-case letters, digits, `-` and `_`",
    "title": "what people call the catalog; it is published in the manifest",
    "licence": "of the data; it is published in the manifest and in each file's metadata",
    "user_space": "catalogs with the same space have the same users: a history in one counts in the others",
    "parameters": "names that a `path` may use, with their values; `--param NAME=VALUE` overrides one",
    "items": "where items come from",
    "users": "where users come from; without any, whoever has interactions is a user without a profile",
    "interactions": "where interactions come from",
    "taxonomy": "the topics; without any, items get no topic",
    "aspects": "what an enrichment should say of each item, for example plot, price, material",
    "events": "event = weight, how much it says of interest: 1 much, 0 or less a dislike. Also `\"rating>=4\"`; of"
    " several rules for an event the first that fits counts; an event that is not named is quarantined",
    "unseen_events": "events after which an item may still be recommended, for example an impression without a click",
    "text.item": "the text of an item that is embedded; fields: title, text, author, and from the enrichment summary,"
    " themes, keywords, mood, audience",
    "text.user": "the text of a profile that is embedded; fields: summary, interests, hobbies, skills, job",
    "text.max_chars": "longer texts are cut before they are embedded",
    "redact": "what is taken out of every text before it goes into a prompt; `[]`: nothing",
    "redact_patterns": "patterns of your own to take out, as tables `[[redact_patterns]]`",
    "labelers.enrich": "who answers: `auto`, `embedded`, `openai` or `openai:NAME`",
    **{
        f"labelers.{task}": "who answers: the same, or a list of several, whose answers are combined"
        for task in ("topics", "similar", "judge")
    },
    "combine.method": "how several labelers' answers become one; `auto` chooses by task and by how much gold there is",
    "confidence.method": "where a model's confidence comes from; the embedded labeler's is its own",
    "confidence.samples": "answers asked for each question with the method `samples`; each costs its tokens",
    "cascade.strong": "the labeler that is trusted and dear; naming it switches the cascade on",
    "cascade.strong_share": "the most of the active contents that it answers, the audit sample included",
    "cascade.audit_share": "of the active contents go to it at random, whoever else answered, to measure the error",
    "cascade.max_error": "the student answers where at most this share of its answers is expected to be wrong",
    "cascade.seed": "another seed draws another audit sample",
    "enrichment.summary_words": "the most words of a summary",
    "enrichment.voice": "who seems to speak, for example `a friendly bookseller`; an LLM takes it on, the"
    " embedded labeler extracts",
    "enrichment.verify": "a labeler that checks each claim against the text, beside the check of names and numbers",
    "topics.refit_growth": "the embedded labeler's prototypes are fitted again, and all topics labeled again, when the"
    " catalog has grown by this share since the last fit",
    "topics.refit_rounds": "how often a fit moves each topic's centre to the mean of its items; 0: descriptions only",
    "topics.gold_examples": "people's labels of the nearest items that a prompt shows beside each item; they are read when the item"
    " is asked, so that new ones change the labels of new items only",
    "similar.min_cosine": "pairs of items below this cosine are not looked at",
    "similar.max_neighbours": "the most pairs that one item starts",
    "judge.pairs_per_user": "about how many items are judged for a user; both numbers 0: no judge",
    "judge.evaluation_pairs_per_user": "the same for users of the test split, of whom more should be known",
    "judge.near_share": "share of these that are the top items of the sources; all of them are taken",
    "judge.sources": "whose top items are judged in any case",
    "judge.mode": "`grades`: each item by itself; `pairwise`: which of two, in both orders; `listwise`: windows put in order",
    "judge.window": "items that are put in order at once, in the mode listwise",
    "judge.rounds": "in how many lists each item stands, in the modes pairwise and listwise; each list is asked both ways round",
    "judge.middle_share": "share that is drawn from the next ranks, ten times as many as are wanted; the rest at random",
    "judge.max_users": "the most users of whom pairs are judged",
    "judge.seed": "another seed draws other pairs",
    "candidates.sources": "candidate sources and their weights in the fusion; a source that is not named is not used",
    "candidates.per_source": "how many items each source proposes to a user",
    "candidates.total": "how many candidates a user keeps after fusion",
    "candidates.rrf_k": "k of reciprocal rank fusion: weight / (k + rank)",
    "candidates.popularity_half_life_days": "an interaction's share in popularity halves in this time",
    "candidates.history_items": "how many of a user's latest liked items the sources look at",
    "candidates.history_half_life_days": "a history entry's weight halves in this time",
    "candidates.neighbours": "collaborative: how many nearest items each item keeps",
    "candidates.shrinkage": "collaborative: damps similarities that few users support",
    "ranking.learning_rate": "LightGBM's",
    "ranking.num_leaves": "LightGBM's",
    "ranking.min_data_in_leaf": "LightGBM's",
    "ranking.max_rounds": "the most trees",
    "ranking.early_stopping_rounds": "training stops when NDCG@10 of validation users has not risen for so many trees",
    "ranking.validation_share": "share of users that decide when training stops",
    "ranking.test_share": "share of users that the ranker never sees and that `evaluate` measures",
    "ranking.seed": "of the split, the shuffles and the bootstrap; another seed moves users between splits",
    "relevance.truth": "what may say that an item is relevant; where both know a pair, the first wins",
    "relevance.grades": "event, or `\"event>=value\"`, = grade 0 to 3; the first rule that fits; others have no grade",
    "relevance.relevant_grade": "from which grade an item is relevant to precision, recall, MAP and MRR",
    "relevance.holdout_share": "share of each user's items that sources don't see and that serve as truth; only used"
    " where truth names interactions; at least one item of a user who has two",
    "relevance.holdout_order": "`time`: the latest items are held out; `random`: any, by hash",
    "recommend.top_n": "how many items a user gets at most",
    "recommend.verb": "what users do with items, for reasons: because you *read* \"…\"",
    "budget.max_requests": "the most requests of a run; what earlier stages of the same run have asked counts",
    "budget.max_cost_usd": "the most US dollars of a run; the endpoints must state their prices",
    **{
        f"budget.{task}": f"the same for `{task}` alone; the smaller limit holds"
        for task in ("enrich", "topics", "similar", "judge")
    },
    "gates.max_quarantined_share": "of the rows of a kind that were read",
    "gates.min_items": "active items",
    "gates.max_dead_letter_share": "of a task's questions",
    "gates.max_abstained_share": "of items that were labeled with no topic",
    "gates.max_topic_share": "of items that have the same first topic",
    "gates.min_users_covered": "of active users that have recommendations",
    "gates.max_inactive_share": "of the items that the source no longer lists since the last run",
    "gates.min_users": "active users",
    "gates.max_untitled_share": "of active items",
    "gates.max_unlabeled_share": "of a task's questions that are neither answered nor dead letters; only a warning where"
    " the task ended partial",
    "gates.min_list_items": "of a user's list",
    "gates.max_label_shift": "population stability index of topics and grades against the last week's run (a warning)",
    "gates.min_agreement": "Krippendorff's alpha of the labelers of a task (a warning)",
    "gates.max_cost_per_label_usd": "of a task's labels in this run (a warning)",
    "gates.max_ungrounded_share": "of the enrichments' claims that their text does not carry (a warning)",
}  # fmt: skip
