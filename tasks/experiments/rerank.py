"""Experiment `rerank`: the judge's labeler puts the top of the fused lists in a new order, in four ways.

Pointwise: it grades each item. Pairwise: it compares two at a time, and strengths are fitted to the outcomes. Listwise: it
orders overlapping windows. Chain of thought: it grades each item after writing down its reasoning; for a language model only.
Questions a user: TOP, about ROUNDS * TOP, 2 * (2 TOP / WINDOW - 1), and TOP. Memory O(users x TOP).
"""

from __future__ import annotations

from collections.abc import Mapping

from tasks.evaluation.bootstrap import Interval
from tasks.evaluation.metrics import evaluate_lists
from tasks.experiments.asking import Bill, is_language_model, reorder
from tasks.experiments.figures import figure_table, mean_of, show
from tasks.experiments.findings import Bars, Findings, Table
from tasks.experiments.reranked_lists import TOP, WINDOW, Shown, grade_each, order_pairs, order_windows, read_shown
from tasks.experiments.setting import Setting
from tasks.experiments.thinking_judge import make_thinking_judge
from tasks.labeling import make_labeler

METRICS = ("ndcg@10", "precision@10", "mrr@10")
K = 10
BASE = "fusion, as it is"


def run(setting: Setting) -> Findings:
    """Compare the ways on one catalog. Raises TooFewLabelsError where no user can be measured."""
    shown = read_shown(setting)
    labeler = make_labeler("judge", setting.context, setting.warehouse)
    found = {
        "pointwise": grade_each(labeler, shown),
        "pairwise": order_pairs(labeler, shown, seed=setting.seed),
        "listwise": order_windows(labeler, shown),
    }
    if is_language_model(labeler):
        found["chain of thought"] = grade_each(make_thinking_judge(setting), shown)
    lists = {BASE: shown.lists, **{name: reorder(shown.lists, scores) for name, (scores, _) in found.items()}}
    values = {
        name: evaluate_lists(of, shown.truth, cutoffs=(K,), relevant_grade=shown.relevant_grade).per_user
        for name, of in lists.items()
    }
    means = {name: [mean_of(of[m].to_numpy(), seed=setting.seed) for m in METRICS] for name, of in values.items()}
    leads = {
        name: [mean_of((of[m] - values[BASE][m]).to_numpy(), seed=setting.seed) for m in METRICS]
        for name, of in values.items()
        if name != BASE
    }
    n_users = len(values[BASE])
    return Findings(
        question="Does a labeler that looks at the top of a list put it in a better order, and how is it best asked?",
        protocol=_protocol(shown, labeler.name, n_users),
        tables=(
            figure_table(f"{n_users} users", means, first="way of asking", columns=METRICS),
            figure_table(
                "Less the fusion, paired by user", leads, first="way of asking", columns=METRICS, is_signed=True
            ),
            _bill_table({name: bill for name, (_, bill) in found.items()}),
        ),
        plots=(Bars("ways", f"The first {TOP} in a new order", "value", METRICS, means),),
        reading=READING,
        verdicts=_verdicts(leads, found.keys() >= {"chain of thought"}, [bill for _, bill in found.values()]),
        seed=setting.seed,
        packages=("numpy", "polars", "lightgbm"),
    )


def _bill_table(bills: Mapping[str, Bill]) -> Table:
    lines = tuple(
        (name, str(one.n_asked), str(one.n_failed), str(one.requests), f"{one.seconds:.1f}", f"{one.cost_usd:.4f}")
        for name, one in bills.items()
    )
    columns = ("way of asking", "questions", "without answer", "requests", "seconds", "cost (US$)")
    return Table("What it took", columns, lines, note="A reply that is stored already costs nothing again.")


def _verdicts(leads: Mapping[str, list[Interval | None]], has_thought: bool, bills: list[Bill]) -> tuple[str, ...]:
    told = [f"{name}: {show(figures[0], is_signed=True)} NDCG@10 against the fusion" for name, figures in leads.items()]
    if not has_thought:
        told.append("chain of thought: skipped, for the judge is the embedded labeler; name an endpoint to ask")
    return (*told, *dict.fromkeys(bill.note for bill in bills if bill.note))


READING = (
    "A way of asking is worth its price where its difference to the fusion excludes zero. All ways see the same items, the"
    " same profile and the same history, so that only the question differs.",
)


def _protocol(shown: Shown, labeler: str, n_users: int) -> tuple[str, ...]:
    return (
        f"{n_users} users (by hash, of those of whom something relevant is known) and the first {TOP} items of each one's"
        f" fused list. `{labeler}` sees profile, known history and items. Equal grades keep the order of the fusion; what has no"
        " answer counts as the mean of its list. Items below the first keep their places.",
        "Pairwise: each item meets about four others, each pair both ways round; strengths by Bradley and Terry. Listwise:"
        f" windows of {WINDOW} that overlap by half, each both ways round; an item goes by its mean place.",
        f"Truth: {shown.origin}. NDCG is ideal over all that is known to be relevant."
        " Intervals are percentile bootstraps over users (1,000 draws, 95 %).",
    )
