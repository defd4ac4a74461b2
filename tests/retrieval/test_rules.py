from __future__ import annotations

import polars as pl
import pytest

from tasks.contracts.errors import StepError
from tasks.contracts.recommending import RuleConfig
from tasks.retrieval.rules import evaluate_rules


@pytest.fixture
def passing(make_index, make_shard):
    """The ids that each of the users passes, as one text a user."""

    def evaluate(values, *, users=None, **rule):
        ids = [chr(ord("a") + n) for n in range(len(values))]
        index = make_index(ids, fields=pl.DataFrame({"field": values}))
        names = [f"u{n}" for n in range(len(users))] if users is not None else ["u0"]
        shard = make_shard(index, names, fields={} if users is None else {"own": users})
        told = {"user": "own"} if users is not None else {}
        [mask] = evaluate_rules([RuleConfig(name="r", item="field", **told, **rule)], index, shard)
        return [
            "".join(item for item, is_in in zip(ids, mask.is_allowed[code], strict=True) if is_in)
            for code in mask.codes
        ]

    return evaluate


@pytest.mark.parametrize(
    ("values", "rule", "expected"),
    [
        (["en", "english", "de", None, ""], {"test": "equal", "value": "en"}, "ade"),
        (["en", "english", "de", None, ""], {"test": "equal", "value": "en", "drop_missing": True}, "a"),
        (["en", "de", "fr", None], {"test": "one_of", "value": ("en", "french", "fr")}, "acd"),
        (["en", "de", "fr", None], {"test": "none_of", "value": ("en", "fr")}, "bd"),
        (["en", "de", None], {"test": "none_of", "value": ("en",), "drop_missing": True}, "b"),
        ([1.0, 5.0, 9.5, None], {"test": "at_least", "value": 5}, "bcd"),
        ([1.0, 5.0, 9.5, float("nan")], {"test": "at_most", "value": 5}, "abd"),
        (["1", " 10 ", "9.5", ""], {"test": "at_least", "value": 9.5}, "bcd"),
        (["7", "7.0", "8"], {"test": "equal", "value": 7}, "ab"),
        (["3", "4", "x"][:2], {"test": "one_of", "value": (3, 9)}, "a"),
        ([True, False, None], {"test": "equal", "value": True}, "ac"),
        (["true", "False"], {"test": "equal", "value": True}, "a"),
    ],
)
def test_items_are_compared_with_a_value(passing, values, rule, expected):
    assert passing(values, **rule) == [expected]


@pytest.mark.parametrize(
    ("values", "users", "rule", "expected"),
    [
        ([0, 12, 18, None], [9, 12, 15, 99, None], {"test": "at_most"}, ["ad", "abd", "abd", "abcd", "abcd"]),
        ([0, 12, None], [12, None], {"test": "at_most", "drop_missing": True}, ["ab", ""]),
        ([10.0, 20.0, 30.0], [20, 25, 31], {"test": "at_least"}, ["bc", "c", ""]),
        (["en", "de", None], ["de", "xx", ""], {"test": "equal"}, ["bc", "c", "abc"]),
        (["5", "6"], [5, 6], {"test": "equal"}, ["a", "b"]),
        (["en", "de", "fr"], ['["en", "fr"]', "de", None], {"test": "one_of"}, ["ac", "b", "abc"]),
        (["en", "de", "fr"], [["en", "fr"], ["de"], []], {"test": "none_of"}, ["b", "ac", "abc"]),
    ],
)
def test_items_are_compared_with_the_users_field(passing, values, users, rule, expected):
    assert passing(values, users=users, **rule) == expected


def test_users_between_whom_no_item_lies_share_a_mask(make_index, make_shard):
    index = make_index(["a", "b"], fields=pl.DataFrame({"price": [10.0, 20.0]}))
    shard = make_shard(index, [f"u{n}" for n in range(200)], fields={"budget": [n / 4 for n in range(200)]})
    [mask] = evaluate_rules([RuleConfig(name="r", item="price", test="at_most", user="budget")], index, shard)
    assert len(mask.is_allowed) == 3


@pytest.mark.parametrize(
    ("values", "rule", "message"),
    [
        (
            ["3", "old"],
            {"test": "at_least", "value": 2},
            "rule 'r': item 'b' has 'old' in 'field', which is not a number",
        ),
        (["yes"], {"test": "equal", "value": True}, "item 'a' has 'yes' in 'field', which is not true or false"),
        ([3, 4], {"test": "equal", "value": "x"}, "rule 'r' compares texts, and the items' field 'field' holds Int64"),
        ([["en"]], {"test": "equal", "value": "en"}, "'field' holds List.*which no rule compares"),
        (["a"], {"test": "one_of", "value": ("a", 3)}, "give values of one type"),
    ],
)
def test_what_cannot_be_compared_is_an_error(passing, values, rule, message):
    with pytest.raises(StepError, match=message):
        passing(values, **rule)


def test_a_users_value_that_cannot_be_compared_is_an_error(passing):
    with pytest.raises(StepError, match="user 'u1' has 'old' in 'own', which is not a number"):
        passing([1, 2], users=["7", "old"], test="at_most")


def test_fields_that_are_not_loaded_are_named(make_index, make_shard):
    index = make_index(["a"], fields=pl.DataFrame({"price": [1.0]}))
    shard = make_shard(index, ["u"])
    with pytest.raises(StepError, match="rule 'r' reads the items' field 'cost', which is not loaded"):
        evaluate_rules([RuleConfig(name="r", item="cost", test="at_most", value=1)], index, shard)
    with pytest.raises(StepError, match="rule 'r' reads the users' field 'budget', which is not loaded"):
        evaluate_rules([RuleConfig(name="r", item="price", test="at_most", user="budget")], index, shard)
