"""Our own form of a taxonomy, read from YAML and written to it again."""

from __future__ import annotations

from typing import Any

import yaml

from curator.taxonomy.faults import Fault, inconsistencies, name_fault
from curator.taxonomy.model import Facet, Tag, Taxonomy
from curator.taxonomy.nodes import Nodes, is_null, is_text, line_of

__all__ = ["MOST_TAGS", "from_nodes", "to_yaml"]

MOST_TAGS = 2_000  # more would make each paper slow, and are no closed list any more

_TOP = ("version", "name", "title", "description", "source", "licence", "facets", "tags")
_FACET = ("name", "description", "rule", "fallback")
_TAG = (
    *("name", "facet", "parent", "description", "not", "aliases", "examples"),
    *("counterexamples", "cue", "was"),
)


def from_nodes(document: yaml.MappingNode) -> tuple[Taxonomy, list[Fault]]:
    """The taxonomy and all that is wrong with it; if anything is, it is not to be used."""
    nodes = Nodes()
    top = nodes.mapping(document, "the file", _TOP) or {}
    facets: list[Facet] = []
    facet_lines: list[int | None] = []
    for node in nodes.items(top.get("facets"), "the list of facets"):
        facets.append(_facet(nodes, node))
        facet_lines.append(line_of(node))
    if "tags" not in top:
        nodes.fault(document, "there is no list of tags")
    listed = nodes.items(top.get("tags"), "the list of tags")
    tags: list[Tag] = []
    tag_lines: list[int | None] = []
    if len(listed) > MOST_TAGS:
        nodes.fault(listed[MOST_TAGS], f"there are more than {MOST_TAGS:,} tags")
    for node in listed[:MOST_TAGS]:
        tag = _tag(nodes, node)
        if tag is not None:
            tags.append(tag)
            tag_lines.append(line_of(node))
    if "tags" in top and (tags or not nodes.faults):
        nodes.faults += inconsistencies(facets, tags, tag_lines, facet_lines)
    faults = sorted(dict.fromkeys(nodes.faults), key=lambda fault: fault.line or 0)
    return Taxonomy.of(facets, tags), faults


def _facet(nodes: Nodes, node: yaml.Node) -> Facet:
    if isinstance(node, yaml.ScalarNode) and not is_null(node):
        return Facet(nodes.text(node, "the name of a facet"), "")
    read = nodes.mapping(node, "a facet", _FACET)
    name = nodes.text((read or {}).get("name"), "the name of a facet")
    if read is None or not name:
        nodes.fault(node, f"a facet has no name: {_shown(node)}")
        return Facet("", "")
    what = f"of the facet {name!r}"
    return Facet(
        name,
        nodes.text(read.get("description"), f"the description {what}"),
        nodes.text(read.get("rule"), f"the rule {what}") or "any",
        nodes.text(read.get("fallback"), f"the fallback {what}") or None,
    )


def _tag(nodes: Nodes, node: yaml.Node) -> Tag | None:
    name_node = _value_of(node, "name")
    named = isinstance(name_node, yaml.ScalarNode) and not is_null(name_node)
    name = str(name_node.value).strip() if named and name_node is not None else ""
    read = nodes.mapping(node, f"the tag {name!r}" if name else "a tag", _TAG)
    if read is None or not named or not name:
        nodes.fault(node, f"a tag has no name: {_shown(node)}")
        return None
    assert name_node is not None
    if not is_text(name_node):
        nodes.fault(name_node, f"a tag has no name that is text: put {name!r} into quotes")
    elif wrong := name_fault(name):
        nodes.fault(name_node, wrong)
    what = f"of the tag {name!r}"
    tag = Tag(
        name=name,
        facet=nodes.text(read.get("facet"), f"the facet {what}"),
        description=nodes.text(read.get("description"), f"the description {what}"),
        parent=nodes.text(read.get("parent"), f"the parent {what}") or None,
        excludes=nodes.text(read.get("not"), f"'not' {what}"),
        aliases=nodes.texts(read.get("aliases"), f"the aliases {what}"),
        examples=nodes.texts(read.get("examples"), f"the examples {what}"),
        cue=nodes.text(read.get("cue"), f"the cue {what}"),
        counterexamples=nodes.texts(read.get("counterexamples"), f"the counterexamples {what}"),
        was=nodes.texts(read.get("was"), f"the former names {what}"),
    )
    if not tag.description:
        nodes.fault(node, f"the tag {name!r} has no description")
    for other in (*tag.aliases, *tag.was):
        if "," in other or not other.isprintable():
            nodes.fault(node, f"the alias {other!r} {what} has commas or control characters")
    return tag


def _value_of(node: yaml.Node, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next(
        (v for k, v in node.value if isinstance(k, yaml.ScalarNode) and k.value == key), None
    )


def _shown(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return repr(node.value[:60])
    if isinstance(node, yaml.MappingNode):
        keys = [k.value for k, _ in node.value if isinstance(k, yaml.ScalarNode)]
        return f"what has the keys {', '.join(map(str, keys))[:60]}" if keys else "an empty mapping"
    return "a list"


def to_yaml(taxonomy: Taxonomy) -> str:
    """The taxonomy in our form; read again, it has the same hash."""
    document: dict[str, Any] = {"version": 1}
    if taxonomy.facets:
        document["facets"] = [
            _without_empty(name=f.name, description=f.description, rule=f.rule, fallback=f.fallback)
            for f in taxonomy.facets
        ]
    document["tags"] = [
        _without_empty(
            name=tag.name,
            facet=tag.facet,
            parent=tag.parent,
            description=tag.description,
            **{"not": tag.excludes},
            aliases=list(tag.aliases),
            examples=list(tag.examples),
            counterexamples=list(tag.counterexamples),
            cue=tag.cue,
            was=list(tag.was),
        )
        for tag in taxonomy.tags
    ]
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)


def _without_empty(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value}
