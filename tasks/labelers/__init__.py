"""Who answers the four questions (enrich, topics, similar, judge): the Labeler protocol and those who keep it."""
