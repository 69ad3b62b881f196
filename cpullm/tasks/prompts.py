"""Wording and a model's own chat template to a prompt; the text itself is not in it."""

from __future__ import annotations

from dataclasses import dataclass

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from cpullm.errors import ModelError, OptionError
from cpullm.records import Prompt
from cpullm.tasks.task import PLACEHOLDER, Task

# Stands for the document while the template is rendered: no template may see a document's text, or change it.
_MARK = "\ufdd0text\ufdd0"


@dataclass(frozen=True, slots=True)
class TaskPrompts:
    """A task as one model is asked it: about a text, and about answers to be merged; answers' length in tokens."""

    task: Task
    ask: Prompt
    merge: Prompt | None
    max_tokens: int

    @classmethod
    def of(cls, task: Task, max_tokens: int | None, template: str | None, *, bos: str, eos: str) -> TaskPrompts:
        """The task's wordings rendered; `max_tokens` None is the task's own."""
        merge = None if task.merge is None else render(task.merge, template, bos=bos, eos=eos)
        return cls(task, render(task.ask, template, bos=bos, eos=eos), merge, max_tokens or task.max_tokens)

    @property
    def prompts(self) -> list[Prompt]:
        """All of them."""
        return [self.ask] if self.merge is None else [self.ask, self.merge]


def render(words: str, template: str | None, *, bos: str = "", eos: str = "") -> Prompt:
    """Wording and chat template as what stands before and after a text.

    The template is Jinja source out of a model file, so it runs in a sandbox (CVE-2024-34359) and knows no clock: a
    prompt must be the same tomorrow. Without a template the wording itself is the prompt, as base models need it.
    """
    found = words.count(PLACEHOLDER)
    if found != 1:
        raise OptionError(f"A prompt must hold {PLACEHOLDER} once, where the document goes; found it {found} times.")
    content = words.replace(PLACEHOLDER, _MARK)
    rendered = _render_chat(content, template, bos, eos) if template else content
    head, *tails = rendered.split(_MARK)
    if len(tails) != 1:
        raise ModelError(f"The model's chat template shows the message {len(tails)} times instead of once.")
    return Prompt(head, tails[0])


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
