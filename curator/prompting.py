"""Prompts are files that a person can edit: front matter, then what is said to the model.

::

    ---
    purpose: Answers a question from numbered sentences.
    variables: [question, evidence]
    output: AnswerDraft
    ---
    # system
    What stays the same for every call, so that the model's cache can reuse it.
    # user
    Question: {{ question }}

A prompt whose variables are not those its code fills, or that names another output, fails
when it is loaded. Its hash is stored with every output that it made.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined, TemplateError, meta

from curator.errors import PromptError

__all__ = ["PROGRAM", "Prompt", "builtin_prompts", "load_prompt", "program_prompt"]

# No autoescape: the output is text for a model, not a page. Values are data; Jinja2 never
# expands a template that stands inside a value.
_JINJA = Environment(
    undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=False
)
_PARTS = re.compile(r"^# (system|user)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class Prompt:
    """One loaded prompt. ``hash`` names its text (SHA-256, 16 hex digits)."""

    name: str
    purpose: str
    variables: frozenset[str]
    output: str
    system: str
    user: str

    @cached_property
    def hash(self) -> str:
        parts = "\0".join((self.name, self.output, self.system, self.user))
        return hashlib.sha256(parts.encode()).hexdigest()[:16]

    def render(self, **values: Any) -> tuple[str, str]:
        """``(system, user)`` with the values put in.

        Raises:
            PromptError: a value is missing or is not one of the prompt's variables.
        """
        if values.keys() != self.variables:
            raise PromptError(
                f"The prompt {self.name!r} takes {sorted(self.variables)}, not {sorted(values)}."
            )
        try:
            system = _JINJA.from_string(self.system).render(values)
            user = _JINJA.from_string(self.user).render(values)
        except (TemplateError, TypeError, ValueError, ArithmeticError) as error:
            raise PromptError(f"The prompt {self.name!r} cannot be filled: {error}.") from error
        return system, user


def builtin_prompts() -> Path:
    """The folder of the prompts that come with the program: inside the installed package,
    or ``prompts/`` of a checkout."""
    packaged = Path(__file__).parent / "_prompts"
    return packaged if packaged.is_dir() else Path(__file__).parents[1] / "prompts"


def load_prompt(
    name: str, variables: Set[str], output: str, *, folder: Path | None = None
) -> Prompt:
    """Reads ``NAME.md`` from ``folder``, else from the built-in prompts, and checks it.

    Raises:
        PromptError: it is missing, malformed, or does not fit the code that fills it.
    """
    file = folder / f"{name}.md" if folder else None
    if file is None or not file.is_file():
        file = builtin_prompts() / f"{name}.md"
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PromptError(f"The prompt file {str(file)!r} cannot be read: {error}.") from error
    head, body = _split(text, file)
    pieces = _PARTS.split(body)
    parts = dict(zip(pieces[1::2], (piece.strip() for piece in pieces[2::2]), strict=True))
    if pieces[0].strip() or sorted(pieces[1::2]) != ["system", "user"]:
        raise PromptError(
            f"The prompt file {str(file)!r} needs one part '# system' and one part '# user'."
        )
    try:
        used = {
            variable
            for part in parts.values()
            for variable in meta.find_undeclared_variables(_JINJA.parse(part))
        }
    except TemplateError as error:
        raise PromptError(f"The prompt file {str(file)!r} is not a template: {error}.") from error
    names = head.get("variables")
    declared = set(map(str, names)) if isinstance(names, list) else set()
    if not used == declared == set(variables):
        raise PromptError(
            f"The prompt {name!r} uses the variables {sorted(used)} and declares "
            f"{sorted(declared)}; its code fills {sorted(variables)}.",
            remedy=f"Make the three agree in {str(file)!r}.",
        )
    if head.get("output") != output:
        raise PromptError(
            f"The prompt {name!r} says output {head.get('output')!r}; its code expects {output!r}.",
            remedy=f"Put 'output: {output}' into the front matter of {str(file)!r}.",
        )
    return Prompt(
        name=name,
        purpose=str(head.get("purpose", "")),
        variables=frozenset(declared),
        output=output,
        system=parts["system"],
        user=parts["user"],
    )


# The prompts of the program itself: the variables that its code fills, the output it expects.
PROGRAM: dict[str, tuple[frozenset[str], str]] = {
    "answer": (frozenset(["question", "evidence", "again"]), "AnswerDraft"),
    "tag": (frozenset(["title", "abstract", "questions"]), "TagDecision"),
    "tag_one": (frozenset(["title", "abstract", "topic", "cue"]), "none"),
    "tldr": (frozenset(["title", "sentences"]), "TldrDraft"),
}


def program_prompt(name: str, folder: Path | None = None) -> Prompt:
    """One of `PROGRAM`, as the folder or the program has it.

    Raises:
        PromptError: as `load_prompt`.
    """
    variables, output = PROGRAM[name]
    return load_prompt(name, variables, output, folder=folder)


def _split(text: str, file: Path) -> tuple[dict[str, Any], str]:
    match = re.match(r"\A---\s*\n(.*?)\n---\s*\n(.*)\Z", text.replace("\r\n", "\n"), re.DOTALL)
    try:
        head = yaml.safe_load(match[1]) if match else None
    except yaml.YAMLError as error:
        raise PromptError(f"The front matter of {str(file)!r} is not YAML: {error}.") from error
    if not match or not isinstance(head, dict):
        raise PromptError(f"The prompt file {str(file)!r} has no front matter between '---' lines.")
    return head, match[2]
