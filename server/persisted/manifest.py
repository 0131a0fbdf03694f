"""The manifest of trusted documents: a JSON file that the build of an app writes.

{"<id>": "<document>", …}                                     Relay (`persisted_queries.json`), GraphQL Code Generator
{"format": "apollo-persisted-query-manifest", "version": 1,
 "operations": [{"id": "…", "body": "<document>", …}, …]}     Apollo (`generate-persisted-query-manifest`)
"""

from collections.abc import Iterable
from pathlib import Path

import orjson

from engine.documents import Documents
from engine.errors import RequestError
from server.settings import WrongSettings

APOLLO = "apollo-persisted-query-manifest"


def read_manifest(path: Path, documents: Documents) -> dict[str, str]:
    """The documents of a manifest by their ids, each checked against the schema and the limits.

    Raises `WrongSettings`, in one line that names the file, the document and what is wrong with it.
    """
    try:
        content = orjson.loads(path.read_bytes())
    except OSError as failure:
        raise _wrong(path, f"cannot be read ({failure.strerror}). Set the path of a manifest.") from failure
    except orjson.JSONDecodeError as failure:
        raise _wrong(path, f"is not JSON in UTF-8: {failure}.") from failure
    found: dict[str, str] = {}
    for id_, text in _entries(path, content):
        if not isinstance(id_, str) or not id_ or not isinstance(text, str):
            raise _wrong(path, "has an entry whose id or document is not a text. Write it again with your build.")
        if found.setdefault(id_, text) != text:
            raise _wrong(path, f'has two different documents with the id "{id_}". Write it again with your build.')
    for id_, text in found.items():
        try:
            documents.check(text)
        except RequestError as refused:
            first = refused.errors[0]
            reason = " ".join(first.message.split())
            raise _wrong(path, f'has a document that cannot run, "{id_}": {reason} ({refused.code})') from refused
    return found


def _entries(path: Path, content: object) -> Iterable[tuple[object, object]]:
    if not isinstance(content, dict):
        raise _wrong(path, "is not a manifest: write an object with a document for each id.")
    if "format" not in content:
        return content.items()
    if content["format"] != APOLLO or content.get("version") != 1:
        raise _wrong(
            path, f"has an unknown format: write {APOLLO} in version 1, or an object with a document for each id."
        )
    operations = content.get("operations")
    if not isinstance(operations, list) or not all(isinstance(one, dict) for one in operations):
        raise _wrong(path, "has no list of `operations`. Write it again with your build.")
    return [(one.get("id"), one.get("body")) for one in operations]


def _wrong(path: Path, reason: str) -> WrongSettings:
    return WrongSettings(f"DEALBOARD_TRUSTED_DOCUMENTS: {path} {reason}")
