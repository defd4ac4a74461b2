"""The sample's news as three editions: a part of it, more of it with changed texts, and less of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

SAMPLE = Path(__file__).parents[2] / "examples/sample"
FIRST, GONE, CHANGED = 70, range(10, 28), range(40, 52)
MORE = """
[judge]
pairs_per_user = 6
evaluation_pairs_per_user = 12

[candidates]
sources = { dense_profile = 1.0, dense_history = 1.0, item_to_item = 1.0, popularity = 0.5, rewritten_query = 1.0 }

[rerank]
labeler = "openai"
top = 6

[explain]
labeler = "openai"
top = 2

[gates]
max_inactive_share = 0.9
max_quarantined_share = 0.9
max_topic_share = 1.0
"""


def write_edition(folder: Path, number: int) -> Path:
    """Write the catalog as it is on the night `number`, 1 to 3, over what is there; its file.

    1: the first 70 stories. 2: all of them, twelve with another text. 3: all but eighteen.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stories = [line for line in (SAMPLE / "news.jsonl").read_text(encoding="utf-8").splitlines() if is_json(line)]
    kept = [
        change(line) if number > 1 and place in CHANGED else line
        for place, line in enumerate(stories)
        if not (number == 1 and place >= FIRST) and not (number == 3 and place in GONE)
    ]
    replace(folder / "news.jsonl", "\n".join(kept) + "\n")
    for name in ("users.csv", "news_events.csv"):
        if not (folder / name).exists():
            shutil.copy(SAMPLE / name, folder / name)
    file = folder / "news.toml"
    if not file.exists():
        replace(file, (SAMPLE / "news.toml").read_text(encoding="utf-8") + MORE)
    return file


def is_json(line: str) -> bool:
    """The sample holds torn lines on purpose; those are in quarantine."""
    try:
        return bool(json.loads(line))
    except ValueError:
        return False


def change(line: str) -> str:
    """The story with a sentence more."""
    story = json.loads(line)
    return json.dumps({**story, "body": f"{story['body']} More is known by now."}, ensure_ascii=False)


def replace(path: Path, text: str) -> None:
    """In one step, so that a night never reads half an edition."""
    fresh = path.with_name(f".{path.name}")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
