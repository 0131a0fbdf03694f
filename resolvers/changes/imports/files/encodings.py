"""The encoding of a file: said, recognised by its first bytes, or the only one that its bytes make sense in."""

import codecs
from dataclasses import dataclass


class FileRefused(Exception):
    """A file that cannot be understood; the message says what to do, and names options as the command line has them."""


@dataclass(frozen=True)
class Decoded:
    """The text of a file, and its encoding by the name that Python has for it."""

    text: str
    encoding: str

    @property
    def name(self) -> str:
        """The encoding as people call it."""
        return NAMES.get(self.encoding, self.encoding)


NAMES = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8 with a byte order mark", "utf-16": "UTF-16", "cp1252": "Windows-1252"}

MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))

WAY_OUT = "Name it, such as --encoding windows-1252 or --encoding windows-1250, or save the file as UTF-8."

SAMPLE = 4096
"""Bytes that are looked at for UTF-16 without a byte order mark."""

SIGNS = frozenset("\xa0€£¥§©®°²³´·¼½¾¡¿ªº«»„“”‘’‚–—…•™×µ±")
"""What Western texts have besides letters."""


def known_encoding(name: str) -> str:
    """Python's name of an encoding. Raises `FileRefused` for one that is not known, or not an encoding of text."""
    try:
        found = codecs.lookup(name)
        "".encode(found.name)
    except (LookupError, UnicodeError, ValueError) as error:
        raise FileRefused(
            f"--encoding {name}: there is no such encoding. Write utf-8, utf-16, windows-1252 or another name of it."
        ) from error
    return found.name


def decode(content: bytes, said: str | None = None) -> Decoded:
    """The text of a file. Raises `FileRefused` when it is not in the said encoding, or when its own is not clear."""
    marked = next((encoding for mark, encoding in MARKS if content.startswith(mark)), None)
    if said is not None:
        return _as_said(content, known_encoding(said), said, marked)
    try:
        if marked is not None:
            return Decoded(content.decode(marked), marked)
        if wide := _utf_16(content[:SAMPLE]):
            return Decoded(content.decode(wide), wide)
    except UnicodeDecodeError as error:
        raise FileRefused(
            f"it begins as {NAMES.get(marked or 'utf-16')}, and is not from byte {error.start} on. Save it anew."
        ) from error
    try:
        return Decoded(content.decode("utf-8"), "utf-8")
    except UnicodeDecodeError as error:
        return Decoded(_western(content, error.start), "cp1252")


def _as_said(content: bytes, encoding: str, said: str, marked: str | None) -> Decoded:
    if marked is not None and not marked.startswith(encoding):
        raise FileRefused(f"it is {NAMES[marked]}, as its first bytes say, not {said}. Leave out --encoding.")
    try:
        return Decoded(content.decode(marked or encoding), marked or encoding)
    except UnicodeError as error:
        start = error.start if isinstance(error, UnicodeDecodeError) else 0
        raise FileRefused(f"it is not {said}: see byte {start}. Leave out --encoding, or name another one.") from error


def _utf_16(sample: bytes) -> str | None:
    """UTF-16 without a byte order mark: of each pair, the same byte is zero nearly always."""
    pairs = len(sample) // 2
    if pairs and sample[1 : 2 * pairs : 2].count(0) > 0.7 * pairs and sample[0 : 2 * pairs : 2].count(0) == 0:
        return "utf-16-le"
    if pairs and sample[0 : 2 * pairs : 2].count(0) > 0.7 * pairs and sample[1 : 2 * pairs : 2].count(0) == 0:
        return "utf-16-be"
    return None


def _western(content: bytes, start: int) -> str:
    """The text in Windows-1252, which nearly any bytes are: taken only where it reads like Western words."""
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError as error:
        raise FileRefused(
            f"its encoding is not clear: byte {error.start} is neither UTF-8 nor Windows-1252. {WAY_OUT}"
        ) from error
    for line in text.splitlines():
        if not line.isascii() and (odd := _odd(line)) is not None:
            raise FileRefused(
                f"its encoding is not clear: it is not UTF-8 (byte {start}), and {odd!r} is not Windows-1252. {WAY_OUT}"
            )
    return text


def _odd(line: str) -> str | None:
    """A word that another encoding has left in a line: a sign or a capital within it, or hardly a plain letter."""
    for word in line.replace("\xa0", " ").split():
        if word.isascii():
            continue
        strange = sum(not letter.isascii() and letter.isalpha() for letter in word)
        if len(word) > 3 and strange > len(word) / 2:
            return word[:40]
        for before, letter, after in zip(" " + word, word, word[1:] + " ", strict=False):
            if letter.isascii():
                continue
            if not letter.isalpha():
                inside = before.isalpha() and after.isalpha() and letter in "£¥€©®°²³¼½¾¡¿ªº«»±•™"
                if letter not in SIGNS or inside:
                    return word[:40]
            elif letter.isupper() and (before.islower() or (before.isalpha() and after.islower())):
                return word[:40]
    return None
