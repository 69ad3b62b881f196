"""Summaries that are sentences of the text itself: nothing in them can be invented. Pure; see docs/extraction.md."""

from cpullm.extract.choosing import choose
from cpullm.extract.graph import lexrank, textrank

__all__ = ["choose", "lexrank", "textrank"]
