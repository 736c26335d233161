"""YAML as nodes that know their lines: what a taxonomy may be made of, and nothing else."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import Any

import yaml

from curator.errors import InputError
from curator.taxonomy.faults import Fault

__all__ = ["Nodes", "composed", "is_null", "is_text", "line_of"]

# libyaml's nodes are made by a function that calls itself: a hundred thousand brackets in a row
# would end the process.
_DEEPEST = 12
_DATA = frozenset(
    f"tag:yaml.org,2002:{kind}"
    for kind in ("str", "int", "float", "bool", "null", "timestamp", "seq", "map", "merge", "value")
)
_NULL = "tag:yaml.org,2002:null"
_TEXT = "tag:yaml.org,2002:str"
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as quick


def composed(text: str, name: str) -> yaml.Node | None:
    """The document as a node; None if there is none.

    Raises:
        InputError: it is not YAML, or has what is not data.
    """
    try:
        depth = 0
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            tag = getattr(event, "tag", None)
            if tag and tag not in _DATA and tag != "!":
                raise InputError(
                    f"The taxonomy {name!r} is not YAML that is only data: it has the tag {tag!r}"
                    f" (line {_line(event.start_mark)}).",
                    remedy="Take it out.",
                )
            if depth > _DEEPEST:
                raise InputError(
                    f"The taxonomy {name!r} is nested more than {_DEEPEST} levels deep "
                    f"(line {_line(event.start_mark)}).",
                    remedy="See docs/taxonomy.md for the form.",
                )
        return yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        raise InputError(
            f"The taxonomy {name!r} is not YAML: {_said(error, text)}.",
            remedy="Blanks indent, tabs cannot; what has a colon or begins with a sign goes into "
            "quotes. See docs/taxonomy.md for the form.",
        ) from error


def _said(error: yaml.YAMLError, text: str) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", None) or error).strip()
    if not mark:
        return problem
    lines = text.splitlines()
    if mark.line < len(lines) and "\t" in lines[mark.line][: mark.column + 1]:
        problem = "it is indented with a tab"
    return f"{problem} (line {mark.line + 1}, column {mark.column + 1})"


class Nodes:
    """Reads nodes as what they should be, and notes in ``faults`` where they are not."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def fault(self, node: yaml.Node, message: str) -> None:
        self.faults.append(Fault(message, line_of(node)))

    def mapping(
        self, node: yaml.Node, what: str, known: Collection[str]
    ) -> dict[str, yaml.Node] | None:
        """The values by their keys; None if it is no mapping."""
        if not isinstance(node, yaml.MappingNode):
            return None
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                meant = f"; is {near[0]!r} meant?" if near else f"; known are {', '.join(known)}"
                self.fault(key, f"{what} has the unknown key {name[:60]!r}{meant}")
            elif name in found:
                self.fault(key, f"{what} has the key {name!r} twice")
            else:
                found[name] = value
        return found

    def items(self, node: yaml.Node | None, what: str) -> list[yaml.Node]:
        """The items of a list; none where nothing stands."""
        if node is None or is_null(node):
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.fault(node, f"{what} is {_kind(node)}, and should be a list")
            return []
        return list(node.value)

    def text(self, node: yaml.Node | None, what: str) -> str:
        """A text; empty where nothing stands."""
        if node is None or is_null(node):
            return ""
        if not isinstance(node, yaml.ScalarNode):
            self.fault(node, f"{what} is {_kind(node)}, and should be text")
            return ""
        if not is_text(node):
            self.fault(node, f"{what} is {node.value!r}, which is not text; put it into quotes")
        return str(node.value).strip()

    def texts(self, node: yaml.Node | None, what: str) -> tuple[str, ...]:
        """A list of texts; a single one is a list of one. Empty ones are left out, and so are
        those that are there already."""
        if isinstance(node, yaml.ScalarNode):
            read = [self.text(node, what)]
        else:
            read = [self.text(item, f"an item of {what}") for item in self.items(node, what)]
        return tuple(dict.fromkeys(text for text in read if text))


def is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == _NULL


def is_text(node: yaml.Node) -> bool:
    """Whether YAML takes it for text, and not for a number, a date, yes or no."""
    return isinstance(node, yaml.ScalarNode) and node.tag in (_TEXT, "!")


def _line(mark: Any) -> int:
    return int(mark.line) + 1


def line_of(node: yaml.Node) -> int:
    """Where it begins, from 1."""
    return _line(node.start_mark)


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    return "a list" if isinstance(node, yaml.SequenceNode) else "text"
