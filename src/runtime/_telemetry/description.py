"""Describes a finished call in the attributes of the OpenTelemetry GenAI conventions."""

from __future__ import annotations

import json
from typing import Any, Dict, NamedTuple, Optional

from arc_protocol import semconv
from arc_protocol.patterns.allocation import CONTROL, SHADOW
from runtime._calls import FinishedCall, Reading
from runtime._telemetry import changes, content, runs

_TEXT_LIMIT = 1024
_ELEMENT_LIMIT = 256
_ELEMENTS_LIMIT = 128
_NOTHING = Reading({}, {})


class Description(NamedTuple):
    """A finished call in the words of telemetry, before it is encoded for anybody."""

    call: FinishedCall
    name: str
    """Name of the span."""
    attributes: Dict[str, Any]
    """What is always sent."""
    content: Dict[str, Any]
    """Messages, instructions and tools, as structures."""
    failure: Optional[str]
    """What the failed call's error said; None when the call succeeded."""
    redacted: bool = False
    """Whether texts were changed, so that others which hold the same must not be sent."""

    @property
    def ended_ns(self) -> int:
        """Unix time in nanoseconds."""
        return self.call.started_ns + int(self.call.duration_s * 1e9)

    def exception_event(self) -> Optional[Dict[str, str]]:
        """Return the attributes of the event that says what the SDK raised."""
        if self.call.error is None or self.failure is None:
            return None
        raised = self.attributes[semconv.ERROR_TYPE]
        return {semconv.EXCEPTION_TYPE: raised, semconv.EXCEPTION_MESSAGE: self.failure}

    def all_attributes(self, *, capture_content: bool) -> Dict[str, Any]:
        """Return everything that a span may carry where content is captured or is not."""
        attributes = dict(self.attributes)
        whole = True
        fields = attributes.get(semconv.ARC_FIX_FIELDS)
        if fields:
            before, after = self.call.body, _proposed(self.call)
            readable = capture_content and not self.redacted
            diff = changes.patch(before, after, fields, capture_content=readable)
            if diff is None:
                whole = False
            else:
                attributes[semconv.ARC_FIX_DIFF] = diff
        if capture_content:
            encoded, truncated = content.encode(self.content)
            attributes.update(encoded)
            whole = whole and not truncated
        if not whole:
            attributes[semconv.ARC_CONTENT_TRUNCATED] = True
        return attributes


def describe(call: FinishedCall) -> Description:
    """Read a finished call once, for spans and metrics alike; takes the worker's time."""
    reader = call.api.reader
    request = reader.request(call.sent)
    reply = _NOTHING if call.reply is None else reader.reply(call.reply)
    stated = {
        **request.attributes,
        **reply.attributes,
        **_circumstances(call),
        **_decision(call),
        **_rollout(call),
        **_error(call),
        **_healing(call),
        **runs.attributes(call.context),
    }
    if call.served_model is not None and semconv.RESPONSE_MODEL in stated:
        stated[semconv.RESPONSE_MODEL] = call.served_model
    # tools that know the conventions alone group by it
    stated.setdefault(semconv.CONVERSATION_ID, stated[semconv.ARC_SESSION])
    message = stated.pop(semconv.ARC_ERROR_MESSAGE, None) or ""
    attributes = {
        name: _bounded(value) for name, value in stated.items() if value is not None and value != []
    }
    model = attributes.get(semconv.REQUEST_MODEL)
    return Description(
        call=call,
        name=f"{call.api.convention} {model}" if model else call.api.convention,
        attributes=attributes,
        content={**request.content, **reply.content},
        failure=(
            content.shortened(message, _TEXT_LIMIT) if semconv.ERROR_TYPE in attributes else None
        ),
    )


def told(description: Description) -> str:
    """Say for people what Arc did to a call, without anything that was said in it."""
    call, attributes = description.call, description.attributes
    names = ", ".join(attributes.get(semconv.ARC_PATTERN_IDS, ()))
    fields = ", ".join(attributes.get(semconv.ARC_FIX_FIELDS, ()))
    did = {
        "applied": f"{names} changed {fields}",
        "shadow": f"{names} would have changed {fields}" if fields else f"{names} was watched",
        "skipped_control": f"{names} matched and left it alone, to compare",
        "rejected": f"{names} matched and gave way",
        "error": f"{names} could not be applied",
    }.get(attributes[semconv.ARC_FIX_OUTCOME], f"{names} matched" if names else "nothing matched")
    how = (
        f"failed with {attributes[semconv.ERROR_TYPE]}" if semconv.ERROR_TYPE in attributes else ""
    )
    return (
        f"{description.name} was intercepted: {did}; it took {call.duration_s:.3f} s, of which Arc "
        f"{call.overhead_s * 1e3:.3f} ms{'; it ' if how else ''}{how}."
    )


def _circumstances(call: FinishedCall) -> Dict[str, Any]:
    return {
        semconv.OPERATION_NAME: call.api.convention,
        semconv.PROVIDER_NAME: call.server.provider,
        semconv.SERVER_ADDRESS: call.server.address,
        semconv.SERVER_PORT: call.server.port,
        semconv.ARC_RETRY_COUNT: _retries(call) or None,
        semconv.REQUEST_STREAM: call.stream or None,
        semconv.RESPONSE_TIME_TO_FIRST_CHUNK: call.first_chunk_s,
        semconv.ARC_REQUEST_STREAM_ABANDONED: call.abandoned or None,
        semconv.ARC_INTERCEPTION_DURATION: call.overhead_s,
    }


def _retries(call: FinishedCall) -> Optional[int]:
    told = None if call.error is None else call.error.retries
    return call.retries if told is None else told


def _decision(call: FinishedCall) -> Dict[str, Any]:
    matched = () if call.decision is None else call.decision.matched
    return {
        semconv.ARC_PATTERNS_REVISION: call.patterns.revision,
        semconv.ARC_PATTERN_IDS: [pattern.name for pattern in matched],
        semconv.ARC_PATTERN_REVISIONS: [pattern.revision for pattern in matched],
        semconv.ARC_FIX_OUTCOME: _outcome(call),
        semconv.ARC_FIX_FIELDS: changes.changed_fields(call.body, _proposed(call)),
    }


def _rollout(call: FinishedCall) -> Dict[str, Any]:
    assignment = None if call.decision is None else call.decision.assignment
    if call.healing is not None and call.healing.assignment is not None:
        assignment = call.healing.assignment
    if assignment is None:
        return {}
    pattern = assignment.pattern
    # what is only observed is treated nowhere, so it tells nothing about the fix
    arm, probability = assignment.arm, assignment.probability
    return {
        semconv.ARC_ROLLOUT_ID: f"{pattern.name}@{pattern.revision}",
        semconv.ARC_ROLLOUT_STAGE: assignment.stage,
        semconv.ARC_ROLLOUT_ARM: arm if call.enforced else SHADOW,
        semconv.ARC_ROLLOUT_PROBABILITY: probability if call.enforced else 0.0,
        semconv.ARC_ROLLOUT_UNIT_HASH: assignment.unit_hash,
        semconv.FEATURE_FLAG_KEY: f"arc.{pattern.name}",
        semconv.FEATURE_FLAG_RESULT_VARIANT: arm if call.enforced else SHADOW,
        semconv.FEATURE_FLAG_PROVIDER_NAME: "arc",
    }


def _outcome(call: FinishedCall) -> str:
    decision = call.decision
    if decision is None:
        return "none"
    if decision.applied:
        return "applied" if call.enforced else "shadow"
    if decision.errors:
        return "error"
    if decision.skipped:
        return "rejected"
    if decision.assignment is None:
        return "none"
    compared = call.enforced and decision.assignment.arm == CONTROL
    return "skipped_control" if compared else "shadow"


def _proposed(call: FinishedCall) -> Any:
    """Return the request with its fixes, also where they were not carried out."""
    return call.body if call.decision is None else call.decision.body


def _error(call: FinishedCall) -> Dict[str, Any]:
    error = call.error
    if error is None:
        return {}
    return {
        semconv.ERROR_TYPE: error.type,
        semconv.HTTP_RESPONSE_STATUS_CODE: error.status,
        semconv.ARC_ERROR_CODE: error.code,
        semconv.ARC_ERROR_PARAM: error.param,
        semconv.ARC_ERROR_MESSAGE: error.message,
    }


def _healing(call: FinishedCall) -> Dict[str, Any]:
    healing = call.healing
    if healing is None:
        return {}
    told: Dict[str, Any] = {
        semconv.ARC_HEAL_OUTCOME: healing.outcome,
        semconv.ARC_HEAL_FIX: json.dumps(healing.fix) if healing.fix else None,
    }
    error = healing.error
    if error == call.error:
        return told
    return {
        **told,
        semconv.ARC_HEAL_ERROR_TYPE: error.type,
        semconv.ARC_HEAL_ERROR_STATUS_CODE: error.status,
        semconv.ARC_HEAL_ERROR_CODE: error.code,
        semconv.ARC_HEAL_ERROR_PARAM: error.param,
        semconv.ARC_HEAL_ERROR_MESSAGE: error.message,
    }


def _bounded(value: Any, limit: int = _TEXT_LIMIT) -> Any:
    if isinstance(value, str):
        return content.shortened(value, limit)
    if isinstance(value, list):
        return [_bounded(each, _ELEMENT_LIMIT) for each in value[:_ELEMENTS_LIMIT]]
    return value
