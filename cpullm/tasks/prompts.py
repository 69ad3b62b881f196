"""Wording and a model's own chat template to a prompt; the text itself is not in it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from cpullm.errors import ModelError
from cpullm.records import Prompt
from cpullm.tasks.task import CHOICE, QUESTION, SO_FAR, TEXT, Task, check_wording

# Stand for the document while the template is rendered: no template may see a document's text, or change it.
_MARK = "\ufdd0text\ufdd0"
_MARK_SO_FAR = "\ufdd0summary\ufdd0"
_MARK_QUESTION = "\ufdd0question\ufdd0"


@dataclass(frozen=True, slots=True)
class TaskPrompts:
    """A task as one model is asked it: about a text, about answers to be merged, about a text that goes on; answers'
    length in tokens."""

    task: Task
    ask: Prompt
    merge: Prompt | None
    max_tokens: int
    update: Prompt | None = None

    @classmethod
    def of(cls, task: Task, max_tokens: int | None, template: str | None, *, bos: str, eos: str) -> TaskPrompts:
        """The task's wordings rendered; `max_tokens` None is the task's own."""
        template = template if task.chat else None
        ask, merge, update = (
            None if words is None else _begun(task, render(words, template, bos=bos, eos=eos), template)
            for words in (task.ask, task.merge, task.update)
        )
        assert ask is not None
        return cls(task, ask, merge, max_tokens or task.max_tokens, update)

    @property
    def prompts(self) -> list[Prompt]:
        """All of them."""
        return [prompt for prompt in (self.ask, self.merge, self.update) if prompt is not None]


def _begun(task: Task, prompt: Prompt, template: str | None) -> Prompt:
    """The prompt with the answer's beginning, if a choice is all that is left to be said."""
    if not task.choices:
        return prompt
    begin, _, _ = task.answer.partition(CHOICE)
    joint = "" if template else "\n" if task.chat else " "
    return replace(prompt, tail=prompt.tail + joint + begin)


def render(words: str, template: str | None, *, bos: str = "", eos: str = "") -> Prompt:
    """Wording and chat template as what stands before and after a text.

    The template is Jinja source out of a model file, so it runs in a sandbox (CVE-2024-34359) and knows no clock: a
    prompt must be the same tomorrow. Without a template the wording itself is the prompt, as base models need it.
    """
    check_wording("A prompt", words, so_far=SO_FAR in words)
    content = words.replace(TEXT, _MARK).replace(SO_FAR, _MARK_SO_FAR).replace(QUESTION, _MARK_QUESTION)
    rendered = _render_chat(content, template, bos, eos) if template else content
    head, *tails = rendered.split(_MARK)
    if len(tails) != 1:
        raise ModelError(f"The model's chat template shows the message {len(tails)} times instead of once.")
    if QUESTION in words:
        between, _, tail = tails[0].partition(_MARK_QUESTION)
        return Prompt(head, tail, between)
    head, _, between = head.partition(_MARK_SO_FAR)
    return Prompt(head, tails[0], between)


def _render_chat(content: str, template: str, bos: str, eos: str) -> str:
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.globals["raise_exception"] = _refuse
    messages = [{"role": "user", "content": content}]
    try:
        return environment.from_string(template).render(
            messages=messages, bos_token=bos, eos_token=eos, add_generation_prompt=True
        )
    except Exception as error:  # a stranger's code may raise anything
        raise ModelError(f"The model's chat template cannot be rendered: {error}. Take another model file.") from error


def _refuse(message: str) -> None:
    raise TemplateError(message)
