"""Records spans as other instrumentations of the OpenAI SDK emit them; by hand, see README.md.

    python record.py INSTRUMENTATION SIMULATOR_URL

The virtual environment must have the instrumentation, `opentelemetry-sdk` and
`opentelemetry-exporter-otlp-proto-common`; nothing of Arc.
"""

from __future__ import annotations

import contextlib
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

DISTRIBUTIONS = {
    "openinference": "openinference-instrumentation-openai",
    "genai": "opentelemetry-instrumentation-genai-openai",
    "genai_older": "opentelemetry-instrumentation-openai-v2",
    "openllmetry": "opentelemetry-instrumentation-openai",
}
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


def main() -> None:
    """Write INSTRUMENTATION.otlp: the bytes of one ExportTraceServiceRequest."""
    name, simulator = sys.argv[1:]
    os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = (
        "true" if name == "genai_older" else "SPAN_ONLY"
    )
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    # the SDK's own resource, without the name of the machine or the account
    provider = TracerProvider(resource=Resource({"service.name": f"recorded-{name}"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrument(name, provider)
    with provider.get_tracer("application").start_as_current_span("handle request"):
        calls(f"{simulator}/spaces/recorded-{name}/v1")
    request = encode_spans(exporter.get_finished_spans())
    hide_paths(request)
    path = Path(__file__).parent / f"{name}.otlp"
    path.write_bytes(request.SerializeToString())
    sys.stdout.write(
        f"{path.name}: {DISTRIBUTIONS[name]} {version(DISTRIBUTIONS[name])}, "
        f"openai {version('openai')}\n"
    )


def instrument(name: str, provider: Any) -> None:
    """Instrument the SDK in this process."""
    if name == "openinference":
        from openinference.instrumentation.openai import OpenAIInstrumentor
    elif name == "genai":
        from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
    elif name == "genai_older":
        from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
    else:
        from opentelemetry.instrumentation.openai import OpenAIInstrumentor
    OpenAIInstrumentor().instrument(tracer_provider=provider)


def hide_paths(request: Any) -> None:
    """Take out the only thing that would tell of the machine: the files in stack traces."""
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                for event in span.events:
                    for attribute in event.attributes:
                        if attribute.key == "exception.stacktrace":
                            attribute.value.string_value = "Traceback (most recent call last)"


def calls(base_url: str) -> None:
    """Make one call of each kind that telemetry tells apart."""
    import openai

    client = openai.OpenAI(base_url=base_url, api_key="simulated", max_retries=0)
    question = [{"role": "user", "content": "Write a poem about Python"}]
    client.chat.completions.create(
        model="gpt-4.1", messages=question, temperature=0.95, top_p=0.5, max_tokens=100, seed=7,
        frequency_penalty=0.25, presence_penalty=-0.5, tools=[TOOL],
    )  # fmt: skip
    for _ in client.chat.completions.create(
        model="gpt-4.1", messages=question, stream=True, stream_options={"include_usage": True}
    ):
        pass
    with contextlib.suppress(openai.BadRequestError):
        client.chat.completions.create(model="gpt-4.1", messages=[])
    client.embeddings.create(model="text-embedding-3-small", input="Python", dimensions=8)
    client.responses.create(model="o4-mini", input="Write a poem", max_output_tokens=200)


if __name__ == "__main__":
    main()
