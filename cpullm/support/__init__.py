"""How well a source bears out a sentence, where, and which names, numbers and dates it has not."""

from cpullm.support.source import Source, Support, summary_support, unsupported

__all__ = ["Source", "Support", "summary_support", "unsupported"]
