"""What a reader would choose: learned from few ratings, with the words and papers that say why."""

from curator.interest.asking import ask_next
from curator.interest.model import Interest, Why, learn

__all__ = ["Interest", "Why", "ask_next", "learn"]
