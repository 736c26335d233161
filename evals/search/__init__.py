"""``make bench-search``: how well search finds, how quickly, and how both change as it grows."""
