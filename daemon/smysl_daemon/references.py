"""Finds what a person means by the beginning of an id.

Knows ids of a store; never what is done with what is found.
"""

from smysl_reasoning.errors import BadRequest, UnknownId
from smysl_reasoning.store import Store


def session_of(store: Store, reference: str) -> str:
    """The session that `reference` names, or the one that holds the node it names. Raises
    `UnknownId` or `AmbiguousId`."""
    id = store.resolve(reference)
    try:
        return store.session(id).id
    except UnknownId:
        return store.node(id).session


def node_of(store: Store, reference: str) -> str:
    """The node that `reference` names. Raises `UnknownId`, `AmbiguousId`, or `BadRequest` for a
    session."""
    id = store.resolve(reference)
    try:
        store.session(id)
    except UnknownId:
        return id
    raise BadRequest(f"{reference!r} is a session; name one of its nodes (`smysl show` lists them)")
