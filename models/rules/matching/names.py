"""What the names of companies and people are recognised by: without case, accents, punctuation and legal forms."""

from functools import lru_cache

from models.rules.search import split_words

LONGEST_KEY = 200
"""Characters of a key, of up to four bytes each: it fits into an entry of an index, which takes 2,704 bytes."""

LEGAL_FORMS = frozenset(
    """
    gmbh ggmbh mbh gesellschaftmitbeschrankterhaftung ag aktiengesellschaft kg kgaa ohg gbr ug haftungsbeschrankt ek ev
    eg se
    inc incorporated corp corporation co company llc llp lllp lp pllc ltd limited plc cic dac
    sa sas sasu sarl eurl snc spa srl srls sapa sl slu sau slne lda ltda eireli sprl bvba bv nv vof
    ab hb as asa aps oy oyj ky ehf hf uab sia ou
    spzoo spj spk sro spolsro doo dd kft zrt nyrt bt eood ood ad ead sti
    pty pte pvt private sdn bhd tbk kk gk sadecv sderldecv sapidecv
    ооо оао зао пао ао тов αε επε
    """.split()
)
"""Legal forms that end a name, as their words joined: `S.p.A.` is `spa`, `Sp. z o.o.` is `spzoo`."""

FIRST_FORMS = frozenset("ab pt ooo ооо оао зао пао ао тов".split())
"""Legal forms that begin a name: AB Volvo, PT Astra."""

JOINED_FORMS = ("株式会社", "有限会社", "合同会社", "股份有限公司", "有限公司", "주식회사")
"""Legal forms that are written without a blank, before or after a name."""

MOST_WORDS = 7
"""Words that a legal form may have: `S. de R.L. de C.V.`."""

AND = frozenset(("and", "und", "et"))
"""What may be written as a sign, or not at all."""


def _plain(text: str) -> str:
    """A text that has neither letters nor digits, as it is compared."""
    return "".join(text.split()).casefold()[:LONGEST_KEY]


@lru_cache(maxsize=5_000)
def company_key(name: str) -> str:
    """What a company's name is recognised by: `ACME S.p.A.`, `Ácme & Co. KG` and `a c m e` are all `acme`.

    Never empty for a name: a name of nothing but a legal form is that form, and one of nothing but signs is the signs.
    """
    words = _without_forms([word for word in split_words(name) if word not in AND] or split_words(name))
    key = "".join(words)[:LONGEST_KEY]
    while shorter := _without_joined_form(key):
        key = shorter
    return key or _plain(name)


def _without_forms(words: list[str]) -> list[str]:
    if all(len(word) == 1 for word in words):  # S.A.S. is an airline, and A C M E a name with blanks
        return words
    if len(words) > 1 and words[0] in FIRST_FORMS:
        words = words[1:]
    while end := _form_at_end(words):
        words = words[:-end]
    return words


def _form_at_end(words: list[str]) -> int:
    """How many words at the end are a legal form; none if that is all there is."""
    counts = range(min(MOST_WORDS, len(words) - 1), 0, -1)
    return next((count for count in counts if "".join(words[-count:]) in LEGAL_FORMS), 0)


def _without_joined_form(key: str) -> str:
    """The key without one form of `JOINED_FORMS`; empty if it has none, or is one."""
    rests = (rest for form in _JOINED for rest in (key.removeprefix(form), key.removesuffix(form)))
    return next((rest for rest in rests if rest and rest != key), "")


_JOINED = tuple("".join(split_words(form)) for form in JOINED_FORMS)


@lru_cache(maxsize=5_000)
def person_key(name: str) -> str:
    """What a person's name is recognised by: its words, in their order. Never empty for a name."""
    return " ".join(split_words(name))[:LONGEST_KEY].strip() or _plain(name)
