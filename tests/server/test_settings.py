"""Settings are typed and explained, and a wrong one is one line that says what to do."""

import stat
from pathlib import Path

import pytest

from engine.outgoing.mail import MailServer
from resolvers.reactions.mail.composing import MailSender
from server.settings import Settings, WrongSettings, load_settings

SECRET = "s" * 40


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable but those that a test sets."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"DEALBOARD_{name.upper()}", raising=False)
    monkeypatch.setenv("DEALBOARD_DATA_DIR", str(tmp_path))


def test_every_setting_is_explained() -> None:
    """Each setting has a description."""
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("DEALBOARD_PORT", "eighty", "DEALBOARD_PORT: Input should be a valid integer"),
        ("DEALBOARD_PORT", "99999", "DEALBOARD_PORT: Input should be less than or equal to 65535"),
        ("DEALBOARD_POOL_SIZE", "0", "DEALBOARD_POOL_SIZE"),
        ("DEALBOARD_DATABASE_URL", "mysql://here", "DEALBOARD_DATABASE_URL: must look like postgresql://"),
        ("DEALBOARD_JWT_SECRET", "short", "at least 32 bytes"),
        ("DEALBOARD_LOG_LEVEL", "loud", "must be debug, info, warning or error"),
        ("DEALBOARD_SMTP_URL", "mail.test", "DEALBOARD_SMTP_URL: must look like smtp://user:password@host:587"),
        ("DEALBOARD_SMTP_URL", "smtp://mail.test", "set DEALBOARD_MAIL_FROM and DEALBOARD_PUBLIC_URL"),
        ("DEALBOARD_MAIL_FROM", "Acme\r\n <crm@acme.test>", "DEALBOARD_MAIL_FROM: must look like crm@example.com"),
        ("DEALBOARD_MAIL_FROM", "Acme", "DEALBOARD_MAIL_FROM: must look like crm@example.com"),
        ("DEALBOARD_PUBLIC_URL", "app.test", "DEALBOARD_PUBLIC_URL: must look like https://app.example.com"),
        ("DEALBOARD_PUBLIC_URL", "https://app.test/>x", "DEALBOARD_PUBLIC_URL: must look like https://app.example.com"),
        ("DEALBOARD_POTR", "1", "DEALBOARD_POTR is not a setting. Did you mean DEALBOARD_PORT?"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str) -> None:
    """The line names the variable and what it accepts."""
    monkeypatch.setenv("DEALBOARD_JWT_SECRET", SECRET)
    monkeypatch.setenv(name, value)
    with pytest.raises(WrongSettings) as wrong:
        load_settings()
    assert words in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_without_a_way_to_verify_tokens_nothing_starts() -> None:
    """Outside demo mode a secret or a JWKS URL is required."""
    with pytest.raises(WrongSettings, match="DEALBOARD_JWT_SECRET or DEALBOARD_JWKS_URL"):
        load_settings()
    assert load_settings(jwks_url="https://idp.example/keys").jwt_secret is None


def test_mail_has_a_server_a_sender_and_an_app(monkeypatch: pytest.MonkeyPatch) -> None:
    """All three, or no mail at all."""
    assert load_settings(jwt_secret=SECRET).mail is None
    monkeypatch.setenv("DEALBOARD_SMTP_URL", "smtp://me:pass@mail.test")
    monkeypatch.setenv("DEALBOARD_MAIL_FROM", "Acme CRM <crm@acme.test>")
    monkeypatch.setenv("DEALBOARD_PUBLIC_URL", "https://app.test/")
    assert load_settings(jwt_secret=SECRET).mail == (
        MailServer("mail.test", 587, secure=False, user="me", password="pass"),
        MailSender("Acme CRM", "crm@acme.test", "https://app.test"),
    )
    monkeypatch.setenv("DEALBOARD_MAIL_FROM", "crm@acme.test")
    found = load_settings(jwt_secret=SECRET).mail
    assert found is not None
    assert found[1].name == "Dealboard"


def test_the_demo_secret_is_made_once_and_private(tmp_path: Path) -> None:
    """Tokens of an earlier demo stay valid, and no other user can read the secret."""
    first = load_settings(demo=True)
    assert first.jwt_secret is not None
    assert len(first.jwt_secret) >= 32
    assert load_settings(demo=True).jwt_secret == first.jwt_secret
    assert stat.S_IMODE((tmp_path / "demo-secret").stat().st_mode) == 0o600


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Origins and algorithms are comma-separated, with or without spaces."""
    monkeypatch.setenv("DEALBOARD_JWT_SECRET", SECRET)
    monkeypatch.setenv("DEALBOARD_ALLOWED_ORIGINS", "https://a.example, https://b.example")
    assert load_settings().allowed_origins == ("https://a.example", "https://b.example")


def test_what_is_given_overrides_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An option of the command line takes precedence over a variable."""
    monkeypatch.setenv("DEALBOARD_JWT_SECRET", SECRET)
    monkeypatch.setenv("DEALBOARD_PORT", "1234")
    assert load_settings().port == 1234
    assert load_settings(port=4321).port == 4321


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deployments pass variables without a value: these mean the default, not an empty issuer or token."""
    monkeypatch.setenv("DEALBOARD_JWT_SECRET", SECRET)
    unset = load_settings()
    for name in Settings.model_fields.keys() - {"jwt_secret", "data_dir"}:
        monkeypatch.setenv(f"DEALBOARD_{name.upper()}", "")
    assert load_settings() == unset
