"""What several labelers say of the same questions: how far they agree, and what their answers combine to. Pure.

panel          the long frame of answers, checked and as arrays
measures       agreement, kappas and alpha from counts; what each is where it is undefined
pairs          these between labelers, with bootstrap intervals; confusion with abstentions
combine        one answer a question from all labelers: the methods, and the default rule "auto"
consensus      majority, mean and weighted mean of grades, grades cut to a distribution
crowd          Dawid-Skene and one-coin, by crowd-kit
gold_rows      which human answers can be learned from, and their folds
learned        what gold may change in the default rule, for ordinal answers
learned_class  the same for nominal answers
ordinal_odds   the probability of each grade given a score
"""

from tasks.agreement.combine import METHODS, Choice, choose_method, combine
from tasks.agreement.measures import Estimate
from tasks.agreement.pairs import PairAgreement, count_confusion, measure_alpha, measure_pair, measure_pairs

__all__ = [
    "METHODS",
    "Choice",
    "Estimate",
    "PairAgreement",
    "choose_method",
    "combine",
    "count_confusion",
    "measure_alpha",
    "measure_pair",
    "measure_pairs",
]
