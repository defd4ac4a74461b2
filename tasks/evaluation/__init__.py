"""How good lists are: metrics per user, intervals and tests over users, tables of systems, and checks against leakage.

    splits        interactions into train and test: by user, by time, leave-last-out, cold items and users, stratified
    metrics       precision, recall, NDCG, MAP, MRR, hit rate, of ranked lists or of scores with ties
    hits          lists and labels as arrays, checked
    gains         gains, discounts and ideal DCG, also from a sample of the relevant items
    auc           relevant items above others, over labelled or all candidate items
    condensed     lists without unlabelled items, and bpref
    beyond        coverage, entropy, Gini; diversity, novelty, popularity and calibration of each list
    bootstrap     percentile intervals of means and of paired differences
    significance  randomisation and t-tests, Holm's and Benjamini and Hochberg's corrections
    baselines     lists of single sources, of what is popular, and of chance
    measuring     all of it for every system, and for slices
    slices        parts of the truth: by activity, by topic, new items
    table         systems side by side
    leakage       measured users in training, features that know the label
    permutation   with shuffled labels the ranker must fall to chance

Everything is pure: frames in, frames out. docs/metrics.md has every formula with its denominator.
"""
