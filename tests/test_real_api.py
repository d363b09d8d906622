"""Calls the real OpenAI API through Arc: `OPENAI_API_KEY=sk-... python tests/test_real_api.py`.

Run by pytest, the same check goes to the provider simulator.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Dict, Optional


def check(**client_options: Any) -> Dict[str, Any]:
    """Make one risky call with Arc and return the request that Arc says it would have sent."""
    import openai

    from runtime import Arc

    arc = Arc(metrics_port=0)
    request: Dict[str, Any] = {
        "model": "gpt-4.1",
        "messages": [{"role": "user", "content": "Write a poem about Python"}],
        "temperature": 0.95,
    }
    with openai.OpenAI(**client_options) as client:
        reply = client.chat.completions.create(**request)
    explanation = str(arc.explain(request))
    arc.shutdown()
    return {"reply": reply.choices[0].message.content, "explanation": explanation}


def test_specified_example(space: Any) -> None:
    """The example of the specification works, and the provider gets 0.7."""
    assert check(base_url=space.base_url, api_key="k")["reply"]
    assert space.requests()[0]["json"]["temperature"] == 0.7


def main() -> Optional[str]:
    """Run against the real API."""
    if not os.environ.get("OPENAI_API_KEY"):
        return "Set OPENAI_API_KEY to a key of yours first."
    for name, text in check().items():
        print(f"{name}:\n{text}\n")  # noqa: T201
    return None


if __name__ == "__main__":
    sys.exit(main())
