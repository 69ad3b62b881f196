"""What is asked of the model: wording in the files beside this one, rendered into the model's own chat template."""

from __future__ import annotations

from importlib.resources import files

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from cpullm.errors import ModelError, OptionError
from cpullm.records import Prompt

PLACEHOLDER = "{text}"
# Stands for the document while the template is rendered: no template may see a document's text, or change it.
_MARK = "\ufdd0text\ufdd0"


def wording(task: str) -> str:
    """The wording of a task by its name; `{text}` stands where the document goes."""
    return files("cpullm.tasks").joinpath(f"{task}.txt").read_text(encoding="utf-8").strip()


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
