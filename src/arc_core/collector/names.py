"""Which attribute fills which column: the names in use, older ones, those of others."""

from __future__ import annotations

import re

from arc_core.collector import values
from arc_core.collector.values import Read
from arc_core.model.calls import COLUMNS
from arc_protocol import semconv

AT = {column.name: position for position, column in enumerate(COLUMNS)}
"""Position of each column in a row."""


def _at(table: dict[str, tuple[str, Read]]) -> dict[str, tuple[int, Read]]:
    return {name: (AT[column], read) for name, (column, read) in table.items()}


CURRENT = _at(
    {
        semconv.ARC_SESSION: ("session", values.text),
        semconv.ARC_PATTERNS_REVISION: ("patterns_revision", values.text),
        semconv.PROVIDER_NAME: ("provider", values.text),
        semconv.OPERATION_NAME: ("operation", values.text),
        semconv.OPENAI_API_TYPE: ("api", values.text),
        semconv.REQUEST_MODEL: ("request_model", values.text),
        semconv.RESPONSE_MODEL: ("response_model", values.text),
        semconv.RESPONSE_ID: ("response_id", values.text),
        semconv.REQUEST_STREAM: ("stream", values.flag),
        semconv.REQUEST_TEMPERATURE: ("temperature", values.number),
        semconv.REQUEST_TOP_P: ("top_p", values.number),
        semconv.REQUEST_MAX_TOKENS: ("max_tokens", values.integer),
        semconv.REQUEST_FREQUENCY_PENALTY: ("frequency_penalty", values.number),
        semconv.REQUEST_PRESENCE_PENALTY: ("presence_penalty", values.number),
        semconv.REQUEST_SEED: ("seed", values.integer),
        semconv.REQUEST_CHOICE_COUNT: ("choice_count", values.integer),
        semconv.ERROR_TYPE: ("error_type", values.text),
        semconv.HTTP_RESPONSE_STATUS_CODE: ("status_code", values.integer),
        semconv.ARC_ERROR_CODE: ("error_code", values.text),
        semconv.ARC_ERROR_PARAM: ("error_param", values.text),
        semconv.RESPONSE_FINISH_REASONS: ("finish_reasons", values.texts),
        semconv.USAGE_INPUT_TOKENS: ("input_tokens", values.count),
        semconv.USAGE_OUTPUT_TOKENS: ("output_tokens", values.count),
        semconv.USAGE_CACHE_READ_INPUT_TOKENS: ("cached_tokens", values.count),
        semconv.USAGE_REASONING_OUTPUT_TOKENS: ("reasoning_tokens", values.count),
        semconv.RESPONSE_TIME_TO_FIRST_CHUNK: ("first_chunk_ms", values.milliseconds),
        semconv.ARC_INTERCEPTION_DURATION: ("overhead_us", values.microseconds),
        semconv.ARC_PATTERN_IDS: ("pattern_ids", values.texts),
        semconv.ARC_PATTERN_REVISIONS: ("pattern_revisions", values.integers),
        semconv.ARC_FIX_OUTCOME: ("fix_outcome", values.text),
        semconv.ARC_FIX_FIELDS: ("fix_fields", values.texts),
        semconv.ARC_FIX_DIFF: ("fix_diff", values.long_text),
        semconv.ARC_REQUEST: ("request", values.long_text),
        semconv.ARC_TURN: ("turn", values.text),
        semconv.ARC_FAILURE_KINDS: ("failure_kinds", values.texts),
        semconv.ARC_ROLLOUT_ID: ("rollout_id", values.text),
        semconv.ARC_ROLLOUT_STAGE: ("rollout_stage", values.text),
        semconv.ARC_ROLLOUT_ARM: ("rollout_arm", values.text),
        semconv.ARC_ROLLOUT_PROBABILITY: ("rollout_probability", values.number),
        semconv.ARC_ROLLOUT_UNIT_HASH: ("rollout_unit", values.text),
        semconv.ARC_HEAL_OUTCOME: ("heal_outcome", values.text),
    }
)
"""Span attributes as Arc and the present conventions name them."""

RESOURCE = _at(
    {
        semconv.SERVICE_NAME: ("service", values.text),
        semconv.ARC_RUNTIME_ID: ("runtime_id", values.text),
        semconv.ARC_RUNTIME_VERSION: ("runtime_version", values.text),
    }
)
"""Resource attributes that have a column."""

OLDER = _at(
    {
        # earlier GenAI conventions
        "gen_ai.system": ("provider", values.lower_case),
        semconv.CONVERSATION_ID: ("session", values.text),
        "gen_ai.openai.request.seed": ("seed", values.integer),
        "gen_ai.usage.prompt_tokens": ("input_tokens", values.count),
        "gen_ai.usage.completion_tokens": ("output_tokens", values.count),
        "http.status_code": ("status_code", values.integer),
        # OpenLLMetry
        "llm.request.type": ("operation", values.text),
        "traceloop.association.properties.session_id": ("session", values.text),
        "gen_ai.is_streaming": ("stream", values.flag),
        "llm.is_streaming": ("stream", values.flag),
        "gen_ai.request.max_completion_tokens": ("max_tokens", values.integer),
        "gen_ai.request.n": ("choice_count", values.integer),
        "llm.frequency_penalty": ("frequency_penalty", values.number),
        "llm.presence_penalty": ("presence_penalty", values.number),
        "gen_ai.response.finish_reason": ("finish_reasons", values.texts),
        "llm.response.finish_reason": ("finish_reasons", values.texts),
        "gen_ai.completion.0.finish_reason": ("finish_reasons", values.texts),
        "llm.usage.prompt_tokens": ("input_tokens", values.count),
        "llm.usage.completion_tokens": ("output_tokens", values.count),
        "gen_ai.usage.cache_read_input_tokens": ("cached_tokens", values.count),
        "gen_ai.usage.reasoning_tokens": ("reasoning_tokens", values.count),
        "llm.usage.reasoning_tokens": ("reasoning_tokens", values.count),
        # OpenInference
        "openinference.span.kind": ("operation", values.text),
        "session.id": ("session", values.text),
        "llm.provider": ("provider", values.lower_case),
        "llm.system": ("provider", values.lower_case),
        "llm.request.model_name": ("request_model", values.text),
        "llm.response.model_name": ("response_model", values.text),
        "llm.finish_reason": ("finish_reasons", values.texts),
        "llm.token_count.prompt": ("input_tokens", values.count),
        "llm.token_count.completion": ("output_tokens", values.count),
        "llm.token_count.prompt_details.cache_read": ("cached_tokens", values.count),
        "llm.token_count.prompt_details.cache_input": ("cached_tokens", values.count),
        "llm.token_count.completion_details.reasoning": ("reasoning_tokens", values.count),
    }
)
"""What other instrumentations say; asked in this order, and only where no present name is there."""

RENAMED = {
    "gen_ai.usage.cache_creation.input_tokens": semconv.USAGE_CACHE_WRITE_INPUT_TOKENS,
    "gen_ai.usage.cache_creation_input_tokens": semconv.USAGE_CACHE_WRITE_INPUT_TOKENS,
    "llm.token_count.prompt_details.cache_write": semconv.USAGE_CACHE_WRITE_INPUT_TOKENS,
}
"""Older names of attributes that have no column."""

SERVED_MODELS = ("llm.model_name", "embedding.model_name")
"""OpenInference: the model that answered, or the one asked for where there was no answer."""

PARAMETERS = ("llm.invocation_parameters", "embedding.invocation_parameters")
"""OpenInference: the request's parameters as a JSON object."""

PARAMETER_COLUMNS = {
    name: (AT[column], kind)
    for name, column, kind in (
        ("model", "request_model", str),
        ("stream", "stream", bool),
        ("temperature", "temperature", float),
        ("top_p", "top_p", float),
        ("max_completion_tokens", "max_tokens", int),
        ("max_output_tokens", "max_tokens", int),
        ("max_tokens", "max_tokens", int),
        ("frequency_penalty", "frequency_penalty", float),
        ("presence_penalty", "presence_penalty", float),
        ("seed", "seed", int),
        ("n", "choice_count", int),
    )
}
"""Where those parameters belong."""

OPERATIONS = {
    "LLM": "chat",
    "EMBEDDING": "embeddings",
    "completion": "text_completion",
    "embedding": "embeddings",
}
"""What others call an operation of the conventions."""

NO_CALLS = frozenset(
    (
        *("create_agent", "invoke_agent", "invoke_workflow", "execute_tool", "retrieval"),
        "fetch_response",
        *("CHAIN", "AGENT", "TOOL", "RETRIEVER", "RERANKER", "GUARDRAIL", "EVALUATOR", "PROMPT"),
        *("DECISION", "UNKNOWN", "rerank"),
    )
)
"""Operations around calls: they may carry a model and tokens, which belong to the calls inside."""

PROVIDERS = {
    "az.ai.openai": "azure.ai.openai",
    "azure": "azure.ai.openai",
    "aws": "aws.bedrock",
    "mistralai": "mistral_ai",
    "xai": "x_ai",
}
"""What others call a provider of the conventions."""

CONTENT = frozenset(
    (
        semconv.SYSTEM_INSTRUCTIONS,
        semconv.INPUT_MESSAGES,
        semconv.OUTPUT_MESSAGES,
        semconv.TOOL_DEFINITIONS,
        *("input.value", "output.value", "traceloop.entity.input", "traceloop.entity.output"),
        *("gen_ai.prompt", "gen_ai.completion"),
    )
)
"""Attributes that hold what was said."""

flattened_content = re.compile(
    r"(gen_ai\.(prompt|completion)"
    r"|llm\.(input_messages|output_messages|prompts|choices|completions|tools|request\.functions)"
    r"|embedding\.embeddings|(input|output)\.images)\.\d"
).match
"""Tells content that is spread over one attribute per field."""

FIRST_CHUNK_EVENTS = frozenset(("First Token Stream Event", "gen_ai.content.completion.chunk"))
"""Events of OpenInference and OpenLLMetry when a chunk of a stream arrives."""
