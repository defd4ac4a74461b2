"""The judge that writes down its reasoning in steps before it grades: its own prompt, and nothing stored as a label."""

from __future__ import annotations

from tasks.contracts.choose import find_endpoint
from tasks.experiments.setting import Setting
from tasks.labelers.openai import OpenAILabeler
from tasks.labeling.budget import budget_for
from tasks.labeling.endpoint import make_endpoint
from tasks.labeling.replies import WarehouseStore
from tasks.labeling.window import shared_window
from tasks.llm.prompts import PROMPTS_DIR
from tasks.llm.redact import Redaction

STEPS_DIR = PROMPTS_DIR / "experiments"


def make_thinking_judge(setting: Setting) -> OpenAILabeler:
    """The endpoint of the catalog's judge under the prompt of STEPS_DIR, within the budget of the task `judge`."""
    context, catalog = setting.context, setting.context.catalog
    endpoint = find_endpoint("judge", context)
    asked = make_endpoint(endpoint)
    return OpenAILabeler(
        asked,
        api_key=endpoint.api_key,
        store=WarehouseStore(setting.warehouse.replies, "judge"),
        budget=budget_for("judge", context, setting.warehouse, endpoint=endpoint),
        window=None if endpoint.is_fake else shared_window(asked),
        redaction=Redaction.of([*catalog.redact, *(one.model_dump() for one in catalog.redact_patterns)]),
        questions_per_request={"judge": 1},
        prompts_dir=STEPS_DIR,
    )
