"""What users say of themselves, as text: all of it, and without what they say to avoid. Pure."""

from __future__ import annotations

import polars as pl

from tasks.labelers.avoidances import keep_wanted

PROFILE_FIELDS = ("interests", "hobbies", "summary", "onboarding")


def profile_texts(profiles: pl.DataFrame) -> pl.DataFrame:
    """profiles (PROFILE_FIELDS, and more) with profile_text, all fields, and wanted_text, to search by.

    "He avoids opinion polls" is no reason to look for polls: the summary's sentences stand in wanted_text without it.
    O(characters).
    """
    wanted = pl.col("summary").map_elements(keep_wanted, return_dtype=pl.String)
    return profiles.with_columns(
        profile_text=_join(PROFILE_FIELDS),
        wanted_text=_join([wanted.alias(name) if name == "summary" else pl.col(name) for name in PROFILE_FIELDS]),
    )


def _join(parts: tuple[str, ...] | list[pl.Expr]) -> pl.Expr:
    return pl.concat_str(parts, separator=" ", ignore_nulls=True).str.strip_chars()
