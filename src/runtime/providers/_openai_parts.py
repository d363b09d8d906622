"""Turns pieces of OpenAI requests and replies into message parts of the GenAI conventions."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, List, Mapping, Optional

from runtime._memo import Memo
from runtime.providers._fields import elements, field, given, text

Part = Dict[str, Any]


def content_parts(content: Any) -> List[Any]:
    """Return the parts of a message's content, which is a string or a list."""
    if isinstance(content, str):
        return [text_part(content)]
    return [part for part in map(_part, elements(content)) if part is not None]


def text_part(content: str) -> Part:
    """Text that a person or a model wrote."""
    return {"type": "text", "content": content}


def refusal_part(content: str) -> Part:
    """Text in which a model declines, as its provider says."""
    return {**text_part(content), "refusal": True}


def reasoning_part(content: str) -> Part:
    """Text that a model thought."""
    return {"type": "reasoning", "content": content}


def tool_call_part(id: Any, name: Any, arguments: Any) -> Part:
    """A tool that the model wants to be run; arguments that are not JSON stay as written."""
    return given(type="tool_call", id=text(id), name=text(name), arguments=_parsed(arguments))


def tool_result_part(id: Any, response: Any) -> Part:
    """What a tool answered."""
    if not isinstance(response, str):
        response = content_parts(response) or response
    return given(type="tool_call_response", id=text(id), response=response)


def media_part(
    modality: str,
    *,
    url: Any = None,
    data: Any = None,
    file_id: Any = None,
    mime_type: Optional[str] = None,
) -> Optional[Part]:
    """An image, a sound or a document: by address, as base64 or by the id of an uploaded file."""
    if isinstance(data, str):
        return given(type="blob", modality=modality, mime_type=mime_type, content=data)
    if isinstance(url, str) and url.startswith("data:"):
        kind, _, encoded = url[len("data:") :].partition(",")
        mime_type = kind.partition(";")[0]
        return given(type="blob", modality=modality, mime_type=mime_type, content=encoded)
    if isinstance(url, str):
        return given(type="uri", modality=modality, mime_type=mime_type, uri=url)
    if isinstance(file_id, str):
        return given(type="file", modality=modality, mime_type=mime_type, file_id=file_id)
    return None


@Memo
def tool_definition(tool: Any) -> Part:
    """Describe a tool that the request offers.

    Built-in tools go by name alone: their settings may hold credentials.
    """
    kind = text(field(tool, "type")) or "function"
    # chat completions nest what the Responses API writes flat
    inner = field(tool, kind)
    source = tool if inner is None else inner
    name = text(field(source, "name")) or text(field(tool, "server_label")) or kind
    return given(
        type=kind,
        name=name,
        description=text(field(source, "description")),
        parameters=field(source, "parameters"),
    )


def _parsed(arguments: Any) -> Any:
    if not isinstance(arguments, str):
        return arguments
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments


def _words(name: str, make: Callable[[str], Part]) -> Callable[[Any], Optional[Part]]:
    def convert(part: Any) -> Optional[Part]:
        content = text(field(part, name))
        return None if content is None else make(content)

    return convert


def _image(part: Any) -> Optional[Part]:
    image = field(part, "image_url")
    url = image if isinstance(image, str) else field(image, "url")
    return media_part("image", url=url, file_id=field(part, "file_id"))


def _audio(part: Any) -> Optional[Part]:
    sound = field(part, "input_audio")
    kind = text(field(sound, "format"))
    return media_part("audio", data=field(sound, "data"), mime_type=kind and f"audio/{kind}")


def _file(part: Any) -> Optional[Part]:
    # chat completions nest the file
    file = field(part, "file")
    source = part if file is None else file
    return media_part(
        "document",
        url=text(field(source, "file_data")) or field(source, "file_url"),
        file_id=field(source, "file_id"),
    )


_PARTS: Mapping[str, Callable[[Any], Optional[Part]]] = {
    "text": _words("text", text_part),
    "input_text": _words("text", text_part),
    "output_text": _words("text", text_part),
    "summary_text": _words("text", reasoning_part),
    "reasoning_text": _words("text", reasoning_part),
    "refusal": _words("refusal", refusal_part),
    "image_url": _image,
    "input_image": _image,
    "computer_screenshot": _image,
    "input_audio": _audio,
    "file": _file,
    "input_file": _file,
}


def _part(part: Any) -> Any:
    """Return a part of a known type in the conventions' form, one of an unknown type as it is."""
    if isinstance(part, str):
        return text_part(part)
    kind = text(field(part, "type"))
    if kind is None:
        return None
    convert = _PARTS.get(kind)
    return part if convert is None else convert(part)
