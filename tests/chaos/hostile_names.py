"""Names that try to be something else: SQL, paths, HTML, formulas, headers, orders to a terminal; and a catalog full of them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.night import SmallCatalog

RUN = "pwned()"
# An id holds no control characters; with these beside it a row is quarantined.
UNFIT = ("line\nbreak", "nul\x00byte", "esc\x1b[31mape", "half \ud800 pair", "zero\u200bwidth")
FIT = (
    "'; drop table items; --",
    '"; delete from users; --',
    "../../../../etc/passwd",
    "..",
    "/absolute/path",
    "C:\\CON",
    "NUL",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2",
    "@SUM(1)",
    f"<script>{RUN}</script>",
    f'"><img src=x onerror={RUN}>',
    "{{ 7*7 }}{% raw %}${7*7}",
    "--help",
    "$name ? %s :id",
    "\u202egnp.exe\u2066",
    "ｆｕｌｌ，ｗｉｄｔｈ",
    "L" * 10_000,
    "a,b;c\td|e".replace("\t", " "),
    "null",
    "NaN",
)
TITLES = (
    "Bcc: all@example.org\r\nSubject: pwned",
    f"<script>{RUN}</script>",
    "\x1b]0;pwned\x07\x1b[2J red",
    '=HYPERLINK("http://evil.example")',
    f"</td></table><svg onload={RUN}>",
    "'); drop table enrichments; --",
    "title " * 2000,
    "\u202eeltit\u202c a\u0301\u0301\u0301",
    "@import url(x)",
    "\u2028\u2029 two lines",
)
TOPICS = (f"<b onmouseover={RUN}>sport", "'; drop table topic_labels; --", "../food=1")
COLUMNS = ("=1+1", "'; drop table items; --", f"<img src=x onerror={RUN}>", "../..", "a\nb", "C" * 500)
# What a terminal, a log or a page obeys, beside line breaks and tabs. The orders of colour are our own.
ORDERS = "\x00\x07\x08\x0b\x0c\x1b\x7f\x9b\u202a\u202b\u202d\u202e\u2066\u2067\u2068"


def make_hostile(folder: Path) -> SmallCatalog:
    """Twenty items and ten users whose ids, titles, topics and columns are hostile, and rows that no table can take."""
    catalog = SmallCatalog(folder, n_items=20, n_users=10)
    items = dict(zip(catalog.items, FIT, strict=False))
    users = dict(zip(catalog.users, reversed(FIT), strict=False))
    for number, (key, item) in enumerate(catalog.items.items()):
        item["id"] = items[key]
        item["title"] = f"{TITLES[number % len(TITLES)]} {item['title']}"
        item |= {column: f"{TITLES[number % 3]} of {column}" for column in COLUMNS}
    for number, (key, user) in enumerate(catalog.users.items()):
        user["id"] = users[key]
        user["interests"] += f";{TITLES[(number + 1) % 2 * 3]}"
        user["segment"] = FIT[number]
    for event in catalog.events:
        event["item"], event["user"] = items[event["item"]], users[event["user"]]
    catalog.lines = [json.dumps({"id": one, "title": "unfit", "text": "unfit"}) for one in (*UNFIT, " ", "")]
    catalog.lines += ['{"id": "torn', '{"id": "x", "title": "<script>', "\x1b[31m not JSON"]
    attributes = ", ".join(json.dumps(column) for column in COLUMNS)
    catalog.columns += f" }}\nattributes = [{attributes}] #"
    catalog.has_taxonomy = False
    words = ("match goal team league striker", "rocket orbit moon planet", "bread recipe oven kitchen")
    catalog.more = "".join(
        f"[[taxonomy]]\nname = {json.dumps(topic)}\ndescription = {json.dumps(said + ' ' + TITLES[3])}\n"
        for topic, said in zip(TOPICS, words, strict=True)
    )
    catalog.more += "[gates]\nmax_quarantined_share = 0.5\n"
    catalog.head = f"title = {json.dumps(TITLES[1] + TITLES[2])}"
    return catalog
