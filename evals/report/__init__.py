"""What a person sees of a run: one HTML page that needs nothing else, and tables on stdout."""

from __future__ import annotations

from evals.report.html import write_report
from evals.report.terminal import print_comparison, print_run

__all__ = ["print_comparison", "print_run", "write_report"]
