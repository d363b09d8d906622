"""The OpenAI SDK, for OpenAI itself, Azure and every server that speaks the same API."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple
from urllib.parse import urlsplit

from runtime._calls import Api, Server
from runtime._flow import Interception
from runtime._seam import Seam
from runtime.providers._openai_chat import ChatReader
from runtime.providers._openai_fetch import FetchReader
from runtime.providers._openai_other import (
    CompletionsReader,
    EmbeddingsReader,
    GenericReader,
    ImagesReader,
    ModerationsReader,
)
from runtime.providers._openai_responses import ResponsesReader
from runtime.providers._stainless import StainlessSeam

SDK = "openai"
"""The package to intercept."""
MAJORS = (1, 2, 3)
"""Major versions of it that Arc is tested with."""

_APIS: Dict[str, Api] = {
    "chat/completions": Api("chat", "chat", ChatReader()),
    "responses": Api("responses", "chat", ResponsesReader(), history="input"),
    "completions": Api("completions", "text_completion", CompletionsReader(), history="prompt"),
    "embeddings": Api("embeddings", "embeddings", EmbeddingsReader(), history="input"),
    "moderations": Api("moderations", "moderations", ModerationsReader(), history="input"),
    "images/generations": Api("images", "images", ImagesReader()),
    "images/edits": Api("images", "images", ImagesReader()),
}

_FETCH = FetchReader()

_SERVERS: Tuple[Tuple[str, str], ...] = (
    (".openai.azure.com", "azure.ai.openai"),
    (".azure.com", "azure.ai.openai"),
    ("api.groq.com", "groq"),
    ("api.deepseek.com", "deepseek"),
    ("api.mistral.ai", "mistral_ai"),
    ("api.perplexity.ai", "perplexity"),
    ("api.x.ai", "x_ai"),
)
"""`gen_ai.provider.name` by the end of the host's name."""

_PUBLIC_METHODS = {
    "chat": (
        "openai.resources.chat.completions:Completions.create",
        "openai.resources.chat.completions:AsyncCompletions.create",
    ),
    "responses": (
        "openai.resources.responses:Responses.create",
        "openai.resources.responses:AsyncResponses.create",
    ),
    "responses.retrieve": (
        "openai.resources.responses:Responses.retrieve",
        "openai.resources.responses:AsyncResponses.retrieve",
    ),
    "embeddings": (
        "openai.resources.embeddings:Embeddings.create",
        "openai.resources.embeddings:AsyncEmbeddings.create",
    ),
}
"""Where tracers instrument the SDK, by operation."""


def intercept(sdk: Any, interception: Interception, seam: Seam) -> StainlessSeam:
    """Put Arc in front of every call of the SDK's clients."""
    from openai import _base_client

    stainless = StainlessSeam(
        sdk,
        interception,
        find_api=find_api,
        find_server=find_server,
        public_methods=_PUBLIC_METHODS,
    )
    stainless.install(seam, _base_client.SyncAPIClient, [sdk.OpenAI])
    stainless.install(seam, _base_client.AsyncAPIClient, [sdk.AsyncOpenAI])
    return stainless


def find_api(method: str, url: str) -> Optional[Api]:
    """Return the API behind a request's path; None for what is no use of a model."""
    segments = [segment for segment in urlsplit(url).path.split("/") if segment]
    if segments[:1] == ["v1"]:
        del segments[0]
    if method == "get" and len(segments) == 2 and segments[0] == "responses":
        asked = {"response_id": segments[1]}
        return Api("responses.retrieve", "fetch_response", _FETCH, fetches=asked)
    if method != "post":
        return None
    path = "/".join(segments)
    if path in _APIS:
        return _APIS[path]
    # identifiers hold digits; without them the name stays one of a few
    operation = ".".join(s for s in segments if not any(c.isdigit() for c in s)) or "unknown"
    return Api(operation, operation, GenericReader())


def find_server(client_class: type, base_url: Any) -> Server:
    """Name who answers at `base_url`."""
    parts = urlsplit(str(base_url))
    host = parts.hostname or ""
    provider = "azure.ai.openai" if "Azure" in client_class.__name__ else "openai"
    for ending, name in _SERVERS:
        if host.endswith(ending):
            provider = name
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return Server(provider, host or None, port, f"{host}:{port}" if host and port else None)
