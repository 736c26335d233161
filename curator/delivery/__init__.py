"""Digests on their way to readers: once each, by mail, and by themselves every week."""
