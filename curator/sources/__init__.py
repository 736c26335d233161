"""Sources turn what people have, and what services send, into entries for the catalog.

Each format and each service is one module. `files` opens a file, the pipe or an address and
finds out by its content (`formats`) which parser reads it; `feeds` knows the services that
are pulled again and again.
"""

from curator.sources.files import SourceReading, expand, fetched, is_address, read

__all__ = ["SourceReading", "expand", "fetched", "is_address", "read"]
