"""What a model behind the loopback server answers to each task: a valid reply, whatever is asked."""

from __future__ import annotations

import re
from typing import Any

from tests.llm.fake_server import Answer, Request, completion

DESCRIBED = {
    "summary": "A thing happened.",
    "themes": ["things"],
    "mood": "sober",
    "audience": "all",
    "keywords": ["thing"],
    "confidence": 0.7,
}


def task_of(request: Request) -> str:
    """Which task is asked: the name of the reply's schema."""
    return str(request.body["response_format"]["json_schema"]["name"])


def answer_all(request: Request) -> Answer:
    """A valid answer to each question of any task; grades and topics go by the question's number."""
    count = int(re.findall(r": (\d+), numbered from 1", request.user)[0])
    return completion({"answers": [_answer(task_of(request), number) for number in range(1, count + 1)]})


def _answer(task: str, number: int) -> dict[str, Any]:
    topic = ("sport", "space", "food")[number % 3]
    answers: dict[str, dict[str, Any]] = {
        "enrich": DESCRIBED,
        "topics": {"reason": "so", "topics": [{"topic": topic, "confidence": 0.9}]},
        "similar": {"reason": "so", "is_similar": True, "probability": 0.9, "same_topic": True},
        "verify": {"reason": "so", "not_carried": [1]},
        "explain": {"explanation": "For you.", "content": "", "popularity": "", "diversity": "", "time": ""},
        "judge": {"reason": "so", "relevance": number % 4, "confidence": 0.8},
        "rewrite": {"needs": [], "queries": [f"things of kind {number}"], "avoid": [], "confidence": 0.6},
    }
    return {"number": number, **answers[task]}
