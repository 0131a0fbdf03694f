"""Trusted documents: those of the manifest, which clients name by id; with "only those", nothing else runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.documents import Documents
from engine.errors import Code, refusal
from server.persisted.manifest import read_manifest
from server.settings import Settings


@dataclass(frozen=True)
class TrustedDocuments:
    """The documents of the manifest by id; None without a manifest. With `only`, no other document runs."""

    texts: Mapping[str, str] | None = None
    only: bool = False
    known: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "known", frozenset((self.texts or {}).values()))

    def expect(self, text: str) -> str:
        """A document that a client sends in full. Raises `RequestError` when it may not run."""
        if self.only and text not in self.known:
            raise refusal(
                Code.DOCUMENT_NOT_TRUSTED,
                "This server runs only the documents of its manifest. Send the `documentId` of one, or have this"
                " document added to the manifest (setting DEALBOARD_TRUSTED_DOCUMENTS).",
            )
        return text

    def find(self, id_: str) -> str:
        """The document that a client names with `documentId`. Raises `RequestError`."""
        if self.texts is None:
            raise refusal(
                Code.PERSISTED_QUERY_NOT_SUPPORTED,
                "This server knows no documents by their ids: send the document as `query`, or have a manifest set"
                " (setting DEALBOARD_TRUSTED_DOCUMENTS).",
            )
        text = self.texts.get(id_)
        if text is None:
            raise refusal(
                Code.PERSISTED_QUERY_NOT_FOUND,
                "The manifest of this server has no document with this `documentId`. Deploy the manifest that belongs"
                " to this version of the app.",
            )
        return text

    def find_by_hash(self, hash_: str) -> str:
        """The document that a client names with `extensions.persistedQuery`, as Apollo's clients do.

        Their fall-back depends on these messages: after the first they send the document, after the second they never
        send a hash again.
        """
        if self.texts is None:
            raise refusal(Code.PERSISTED_QUERY_NOT_SUPPORTED, "PersistedQueryNotSupported")
        text = self.texts.get(hash_)
        if text is None:
            raise refusal(Code.PERSISTED_QUERY_NOT_FOUND, "PersistedQueryNotFound")
        return text


def trusted_documents(settings: Settings, documents: Documents) -> TrustedDocuments:
    """Those of the settings. Raises `WrongSettings`."""
    if settings.trusted_documents is None:
        return TrustedDocuments()
    return TrustedDocuments(read_manifest(settings.trusted_documents, documents), settings.trusted_documents_only)
