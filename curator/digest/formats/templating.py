"""Templates of a digest: our own, and those that a reader puts in their place.

A template sees ``digest``, a `curator.digest.formats.view.DigestView`. Every text in it is
escaped when it is written out; what is markup already was made, and escaped, by us. Papers are
hostile, so a template cannot switch that off. ``{% extends "builtin/digest.html.j2" %}`` builds
on ours.
"""

from __future__ import annotations

import traceback
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curator.errors import UsageError

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["BUILTIN", "names_of_templates", "render"]

BUILTIN = Path(__file__).with_name("templates")


def names_of_templates() -> list[str]:
    """The files that a folder of templates may hold in place of ours."""
    return sorted(file.name for file in BUILTIN.iterdir())


def render(name: str, templates: Path | None, **values: Any) -> str:
    """Fills the template ``name``: the one in the folder ``templates`` if it is there, else ours.

    Raises:
        UsageError: ``templates`` is no folder, or a template in it has a mistake (file and line
            are named).
    """
    if templates is not None and not templates.is_dir():
        raise UsageError(
            f"There is no folder of templates at {templates}.",
            remedy=f"It may hold any of: {', '.join(names_of_templates())}.",
        )
    if templates is None:
        return _builtin().get_template(name).render(**values)
    from jinja2 import TemplateError

    try:
        return _environment(templates).get_template(name).render(**values)
    except TemplateError as error:
        raise _mistake(error, templates) from None
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise _mistake(error, templates) from None
    except (OSError, RecursionError) as error:
        raise _mistake(error, templates) from None


@lru_cache(maxsize=1)
def _builtin() -> Environment:
    return _environment(None)


def _environment(templates: Path | None) -> Environment:
    """Sandboxed: a template that somebody sends cannot reach the program behind it."""
    from jinja2 import (
        ChoiceLoader,
        FileSystemLoader,
        PrefixLoader,
        StrictUndefined,
        TemplateSyntaxError,
        nodes,
    )
    from jinja2.sandbox import SandboxedEnvironment

    class Escaping(SandboxedEnvironment):
        def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
            parsed = super()._parse(source, name, filename)
            for node in parsed.find_all(
                (nodes.EvalContextModifier, nodes.ScopedEvalContextModifier)
            ):
                raise TemplateSyntaxError(
                    "escaping cannot be switched off here", node.lineno, name, filename
                )
            return parsed

    ours = FileSystemLoader(BUILTIN)
    folders = [FileSystemLoader(templates)] if templates is not None else []
    environment = Escaping(
        loader=ChoiceLoader([*folders, ours, PrefixLoader({"builtin": ours})]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    del environment.filters["safe"]
    return environment


def _mistake(error: Exception, templates: Path) -> UsageError:
    """The error as file, line and message, from wherever Jinja keeps them."""
    file: str | None = getattr(error, "filename", None)
    line: int | None = getattr(error, "lineno", None)
    if not isinstance(file, str) or line is None:
        for frame in traceback.extract_tb(error.__traceback__):
            if Path(frame.filename).is_relative_to(templates):
                file, line = frame.filename, frame.lineno
    where = f"{file}, line {line}" if isinstance(file, str) and line else str(templates)
    said = str(getattr(error, "message", "") or error) or type(error).__name__
    return UsageError(
        f"A template of the digest has a mistake: {where}: {' '.join(said.split())[:300]}",
        remedy="Mend it, or remove the file: the built-in template then takes its place.",
    )
