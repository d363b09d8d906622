"""The OpenAI API, and Azure's paths to it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from arc_simulator.errors import Refusal
from arc_simulator.provider import Mount, Provider
from arc_simulator.providers.openai import chat, completions, embeddings, others, responses
from arc_simulator.providers.openai.errors import BAD_JSON, SERVER_ERROR, error_body

_AZURE_HOST = "https://example.openai.azure.com"
_NO_KEY = error_body(
    "You didn't provide an API key. You need to provide your API key in an Authorization header "
    "using Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
)


def _authenticate(headers: Mapping[str, str]) -> None:
    if not headers.get("authorization") and not headers.get("api-key"):
        raise Refusal(401, _NO_KEY)


def _headers(seconds: float) -> Mapping[str, str]:
    return {
        "x-request-id": f"req_{uuid.uuid4().hex}",
        "openai-processing-ms": str(round(seconds * 1000)),
        "openai-version": "2020-10-01",
    }


_DEPLOYMENT = f"{_AZURE_HOST}/openai/deployments/{{deployment}}"

OPENAI = Provider(
    mounts=(
        Mount("/v1", "https://api.openai.com/v1"),
        # where an Azure client goes whose base URL is an OpenAI client's
        Mount("/v1/deployments/{deployment}", _DEPLOYMENT, "azure_openai"),
        Mount("/openai/v1", f"{_AZURE_HOST}/openai/v1", "azure_openai"),
        Mount("/openai/deployments/{deployment}", _DEPLOYMENT, "azure_openai"),
        Mount("/openai", f"{_AZURE_HOST}/openai", "azure_openai"),
    ),
    endpoints=(
        chat.ENDPOINT,
        responses.CREATE,
        responses.RETRIEVE,
        embeddings.ENDPOINT,
        completions.ENDPOINT,
        *others.ENDPOINTS,
    ),
    authenticate=_authenticate,
    bad_json=BAD_JSON,
    server_error=SERVER_ERROR,
    headers=_headers,
)
