"""All results: each sample, the machine, versions and parameters."""

from __future__ import annotations

from glimpsecli.bench.results import Results


def encode(results: Results) -> bytes:
    """Give the results as JSON, which ``--baseline`` reads."""
    return results.to_json().encode()
