"""Headers of mail: whatever a record is called arrives as it is, and as nothing else."""

from email import message_from_bytes
from email.policy import SMTP

from hypothesis import given
from hypothesis import strategies as st

from resolvers.reactions.mail.composing import header_text

WORDS = ["Call", "“back”", "é", "日本語", "=?utf-8?q?x=0D=0ABcc:_a@b.test?=", "=?", "?=", "a" * 90, ":", ",", '"', "\\"]

LINES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=30).map(" ".join)

OTHERS = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1)


@given(LINES | OTHERS)
def test_a_header_holds_the_text(text: str) -> None:
    """Also one that looks like an encoded word, in short lines of ASCII, and no header follows."""
    raw = f"Subject: {header_text(text)}\r\n\r\n".encode("ascii")
    found = message_from_bytes(raw, policy=SMTP)
    assert found.keys() == ["Subject"]
    assert str(found["Subject"]) == text
    assert max(map(len, raw.split(b"\r\n"))) <= 78
