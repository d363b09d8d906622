"""The smaller endpoints: models, moderations, images, speech, files."""

from __future__ import annotations

import email.policy
import time
import uuid
from email.parser import BytesParser
from typing import Any

from arc_simulator.errors import Refusal
from arc_simulator.provider import Call, Endpoint
from arc_simulator.providers.openai.errors import error_body, require
from arc_simulator.providers.openai.models import OTHER_MODELS, SNAPSHOTS
from arc_simulator.providers.openai.writing import token_limit
from arc_simulator.tokens import count_tokens

_CREATED = 1_700_000_000
_MODELS = sorted({*SNAPSHOTS, *SNAPSHOTS.values(), *OTHER_MODELS})
_CATEGORIES = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)
_PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
    "rkJggg=="
)
"""One pixel."""
_SILENCE = b"ID3\x04\x00\x00\x00\x00\x00\x00" + bytes(64)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": "system"}


def list_models(call: Call) -> dict[str, Any]:
    """List the models."""
    return {"object": "list", "data": [_model(name) for name in _MODELS]}


def retrieve_model(call: Call) -> dict[str, Any]:
    """Return one model."""
    name = call.path["id"]
    if name not in _MODELS:
        message = f"The model '{name}' does not exist"
        raise Refusal(404, error_body(message, param="model", code="model_not_found"))
    return _model(name)


def moderate(call: Call) -> dict[str, Any]:
    """Find every input harmless."""
    given = call.body.get("input", "")
    result = {
        "flagged": False,
        "categories": dict.fromkeys(_CATEGORIES, False),
        "category_scores": dict.fromkeys(_CATEGORIES, 0.0001),
        "category_applied_input_types": {name: ["text"] for name in _CATEGORIES},
    }
    texts = isinstance(given, list) and all(isinstance(part, str) for part in given)
    return {
        "id": f"modr-{uuid.uuid4().hex}",
        "model": call.body.get("model", "omni-moderation-latest"),
        "results": [result] * (len(given) if texts else 1),
    }


def generate_images(call: Call) -> dict[str, Any]:
    """Draw one pixel."""
    body = call.body
    if not body.get("prompt"):
        message = "Missing required parameter: 'prompt'."
        raise Refusal(400, error_body(message, param="prompt", code="missing_required_parameter"))
    model = str(body.get("model", "dall-e-2"))
    as_url = model.startswith("dall-e") and body.get("response_format") != "b64_json"
    url = f"https://images.example.com/{uuid.uuid4().hex}.png"
    image = {"url": url} if as_url else {"b64_json": _PNG}
    tokens = count_tokens(body["prompt"])
    return {
        "created": int(time.time()),
        "data": [image] * (token_limit(body, "n") or 1),
        "usage": {
            "input_tokens": tokens,
            "input_tokens_details": {"text_tokens": tokens, "image_tokens": 0},
            "output_tokens": 272,
            "total_tokens": tokens + 272,
        },
    }


def speak(call: Call) -> bytes:
    """Say nothing, in MP3."""
    require(call.body, "input", "voice")
    return _SILENCE


def upload_file(call: Call) -> dict[str, Any]:
    """Accept a file sent as a form."""
    head = f"content-type: {call.headers.get('content-type', '')}\r\n\r\n".encode()
    form = BytesParser(policy=email.policy.HTTP).parsebytes(head + call.raw)
    parts = {
        part.get_param("name", header="content-disposition"): part for part in form.iter_parts()
    }
    file = parts.get("file")
    if file is None:
        message = "Missing required parameter: 'file'."
        raise Refusal(400, error_body(message, param="file", code="missing_required_parameter"))
    purpose = parts.get("purpose")
    content = file.get_payload(decode=True)
    return {
        "id": f"file-{uuid.uuid4().hex[:24]}",
        "object": "file",
        "bytes": len(content) if isinstance(content, bytes) else 0,
        "created_at": int(time.time()),
        "filename": file.get_filename() or "upload",
        "purpose": str(purpose.get_payload()).strip() if purpose else "assistants",
        "status": "processed",
    }


ENDPOINTS = (
    Endpoint(
        name="openai.models.list",
        method="GET",
        path="/models",
        reply=list_models,
        takes_json=False,
    ),
    Endpoint(
        name="openai.models.retrieve",
        method="GET",
        path="/models/{id}",
        reply=retrieve_model,
        takes_json=False,
    ),
    Endpoint(name="openai.moderations", method="POST", path="/moderations", reply=moderate),
    Endpoint(
        name="openai.images.generate",
        method="POST",
        path="/images/generations",
        reply=generate_images,
    ),
    Endpoint(
        name="openai.audio.speech",
        method="POST",
        path="/audio/speech",
        reply=speak,
        media_type="audio/mpeg",
    ),
    Endpoint(
        name="openai.files.create",
        method="POST",
        path="/files",
        reply=upload_file,
        takes_json=False,
    ),
)
