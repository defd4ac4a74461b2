"""What the four labeling steps share: the labeler of a task, landing its replies, the report."""

from tasks.labeling.build import build_labeler, make_labeler, must_fit_prototypes
from tasks.labeling.land import land_replies

__all__ = ["build_labeler", "land_replies", "make_labeler", "must_fit_prototypes"]
