"""Named comparisons on any catalog: each measures several ways to do one thing and says what it found.

    findings       what an experiment hands on: tables, plots, and how to read them
    figures        means over queries or users with bootstrap intervals
    setting        what every experiment is given, and the parts of the warehouse that several need
    page, plots    findings as a Markdown page and as pictures

One file an experiment: retrieval, ranking, enrichment, collaborative, rerank, cold_start. They read the warehouse and
change nothing in it. Sources, rankers and metrics are the product's own; what is measured is what runs at night.
"""
