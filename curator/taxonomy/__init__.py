"""The closed list of tags: facets, names, descriptions, parents, and what may become of it."""

from curator.taxonomy.faults import Fault, UnsoundTaxonomy
from curator.taxonomy.files import load_taxonomy, read_taxonomy
from curator.taxonomy.model import Facet, Tag, Taxonomy
from curator.taxonomy.written import to_yaml

__all__ = [
    "Facet",
    "Fault",
    "Tag",
    "Taxonomy",
    "UnsoundTaxonomy",
    "load_taxonomy",
    "read_taxonomy",
    "to_yaml",
]
