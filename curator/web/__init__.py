"""The page: a library in a browser, and its endpoints for programs."""
