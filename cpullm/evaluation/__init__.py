"""How good are summaries: scored against what people wrote, and beside what takes no model; see docs/evaluation.md."""
