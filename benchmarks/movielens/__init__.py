"""What the MovieLens 100k benchmarks share: the data, Nightjar's two stages over it, and the tables of the reports.

data      films, people and ratings as frames
stages    sources, features and the ranker of tasks.retrieval and tasks.ranking, fitted to one part of the ratings
tables    means over users with intervals, as Markdown
"""
