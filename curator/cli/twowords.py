"""Commands with a name of two words, beside one that is called as their first word."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

__all__ = ["Commands"]


class Commands(TyperGroup):
    """The program's commands, some of which have a name of two words: ``tag`` alone takes papers,
    ``tag review`` is another command. (A paper that is called "review" is tagged by ``curator
    tag -- review``.)"""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if (name := " ".join(args[:2])) in self.commands:
            args = [name, *args[2:]]
        return super().resolve_command(ctx, args)
