"""Whatever is sent to the API, nothing in the server breaks: requests made by schemathesis from
the server's own description, valid ones and invalid ones, to a real server."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import SkipTest

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Flaky, Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import response_schema_conformance
from served import live, make_home, open_library

from curator.web.security import Limits

TOKEN = "a-token-of-some-length"
FREE = Limits(requests=10**6, model_requests=10**6, connections=10**3, all_connections=10**3)
EXAMPLES = {GenerationMode.POSITIVE: 30, GenerationMode.NEGATIVE: 20}


def fuzz(operation: Any, mode: GenerationMode, address: str, session: requests.Session) -> str:
    """Sends examples to one operation; what went wrong, or nothing."""
    checks: list[Any] = [not_a_server_error]
    if operation.path.startswith("/v1/"):
        checks.append(response_schema_conformance)

    @settings(
        max_examples=EXAMPLES[mode],
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(mode))
    def sent(case: Any) -> None:
        case.call_and_validate(address, session=session, checks=checks, timeout=30)

    try:
        sent()
    except (SkipTest, Unsatisfiable):  # nothing in it could be invalid
        return ""
    except (FailureGroup, Flaky, AssertionError, requests.RequestException) as error:
        return f"{operation.label} ({mode.value}): {error}"
    return ""


@pytest.mark.timeout(280)
# The server is in this process, and somebody in it may draw a number while an example is made.
@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")
def test_nothing_breaks(tmp_path: Path) -> None:
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {TOKEN}"
    with (
        open_library(make_home(tmp_path / "home")) as library,
        live(library, token=TOKEN, limits=FREE) as address,
    ):
        schema = schemathesis.openapi.from_url(
            f"{address}/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"}
        )
        found: list[Any] = list(schema.get_all_operations())
        operations = [result.ok() for result in found]  # fails where the schema is wrong
        labels = {operation.label for operation in operations}
        assert {"POST /v1/chat/completions", "POST /v1/embeddings"} <= labels
        wrong = [
            said
            for operation in operations
            for mode in EXAMPLES
            if (said := fuzz(operation, mode, address, session))
        ]
        alive = session.get(f"{address}/v1/models", timeout=30)
    assert not wrong, "\n\n".join(wrong)
    assert alive.status_code == 200
