"""API keys; a key sees and feeds one project, so it makes and ends keys of that one only."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from arc_core.access import DEFAULT_PROJECT
from arc_core.web import shapes
from arc_core.web.endpoint import Ask, Endpoint
from arc_core.web.fields import Field, text
from arc_core.web.problems import ProblemError
from arc_core.web.shapes import Shape

if TYPE_CHECKING:
    from arc_core.registry.keys import Key
    from arc_core.web.context import Context

KEY = Shape(
    "Key",
    "An API key; last_used_at may be a minute behind.",
    {
        "id": shapes.TEXT,
        "project": shapes.TEXT,
        "name": shapes.TEXT,
        "created_at": shapes.TIME,
        "revoked_at": shapes.TIME.or_null(),
        "last_used_at": shapes.TIME.or_null(),
    },
)
NEW_KEY = Shape(
    "NewKey",
    "A key that was just made. Its secret is shown here and never again.",
    {**KEY.members, "secret": shapes.TEXT},
)
KEYS = Shape("Keys", "API keys, revoked ones included.", {"keys": KEY.out.listed()})


def _visible(context: Context, ask: Ask) -> list[Key]:
    return context.registry.keys(None if ask.key is None else ask.key.project)


def _list(context: Context, ask: Ask) -> Any:
    return KEYS.show({"keys": _visible(context, ask)})


def _create(context: Context, ask: Ask) -> Any:
    project = ask["project"] or ask.project
    if ask.key is not None and project != ask.key.project:
        raise ProblemError(
            403,
            f"This key belongs to the project {ask.key.project} and cannot make keys of another; "
            "leave project out, or make the key on Core's machine with `arc keys create --local`.",
            field="project",
        )
    key, secret = context.registry.create_key(project, ask["name"])
    return {**KEY.show(key), "secret": secret}


def _revoke(context: Context, ask: Ask) -> Any:
    valid = [key.id for key in _visible(context, ask) if key.revoked_at is None]
    if not (ask["id"] in valid and context.registry.revoke_key(ask["id"])):
        near = get_close_matches(ask["id"], valid, n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise ProblemError(
            404,
            f"There is no valid key with the id {ask['id']}; {meant}`arc keys list` shows the ids.",
        )


ENDPOINTS = (
    Endpoint("GET", "/api/v1/keys", "List API keys", _list, KEYS.out.schema),
    Endpoint(
        "POST",
        "/api/v1/keys",
        "Make an API key; its secret is in this answer alone",
        _create,
        NEW_KEY.out.schema,
        body=(
            Field("name", text(200), "what people shall call it", required=True),
            Field("project", text(100), f"what it sees and feeds; {DEFAULT_PROJECT}, or your own"),
        ),
        status=201,
        refusals=(403, 422),
    ),
    Endpoint(
        "DELETE",
        "/api/v1/keys/{id}",
        "Revoke an API key for good",
        _revoke,
        None,
        place=(Field("id", text(100), "of the key"),),
        status=204,
        refusals=(404,),
    ),
)
