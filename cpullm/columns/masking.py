"""Texts → what is private in them, in this process: rules, and the model asked about each name."""

from __future__ import annotations

from collections.abc import Sequence

from cpullm import masking
from cpullm.columns.answering import answers
from cpullm.masking import Private
from cpullm.plan import Setup


def private(setup: Setup, texts: Sequence[str], *, progress: bool = False) -> list[list[Private]]:
    """What is private in each text, in order. `setup` has one task, `masking.TASK`.

    A name that the model gives no answer about counts as one. Raises CpullmError where the machine or engine fails.
    """
    (task,) = (asked.task for asked in setup.tasks)
    by_rules = [masking.find(text) for text in texts]
    possible = [masking.candidates(text, taken) for text, taken in zip(texts, by_rules, strict=True)]
    asked = [masking.questions(text, names) for text, names in zip(texts, possible, strict=True)]
    every = [question for one in asked for question in one]
    (told,) = answers(setup, [one.piece for one in every], {task.name: [one.name for one in every]}, progress=progress)
    left = iter(told)
    found = []
    for text, taken, names, questions in zip(texts, by_rules, possible, asked, strict=True):
        given = [next(left).value for _ in questions]
        found.append(masking.found(text, taken, masking.names(text, names, questions, given)))
    return found
