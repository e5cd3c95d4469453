"""Staff's e-mail against a real server: encrypted, without personal data, tried again, said once."""

import socket
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.mail_settings import MailSettings, mail_faults
from core.outbox import Task
from messages.mail.alerting import AlertMailing
from messages.mail.server import MailNotSent, MailServer
from tests.messages.smtp_server import Post, smtp_server, write_certificate

STAFF = ["amina@fund.example", "otieno@fund.example"]
RAISED_AT = datetime(2026, 11, 28, 9, 30, tzinfo=UTC)


def mailing(
    post: Post, tls: str = "off", timeout_seconds: float = 10.0, login: tuple[str, str] = ("", "")
) -> AlertMailing:
    server = MailServer("127.0.0.1", post.port, tls, *login, timeout_seconds=timeout_seconds)  # type: ignore[arg-type]
    return AlertMailing(
        server, "kibaba@fund.example", STAFF, fund="Haba Fund", address="https://kibaba.example/"
    )


def task(kind: str = "pull_failed") -> Task:
    payload = {"alert_id": "0a1b", "kind": kind, "raised_at": RAISED_AT.isoformat()}
    return Task(uuid.uuid4(), "alert_mail", "0a1b", payload, 1, RAISED_AT)


def test_a_mail_says_what_and_since_when_and_where_to_look() -> None:
    with smtp_server() as post:
        mailing(post).run(task())
    [message] = post.messages
    assert message["Subject"] == "Haba Fund: A wallet's list cannot be read"
    assert message["To"] == "amina@fund.example, otieno@fund.example"
    assert message["Message-ID"] == "<alert-0a1b@fund.example>"
    text = message.get_payload()
    assert "since 2026-11-28 09:30 UTC" in text
    assert "https://kibaba.example/dashboard/" in text


def test_a_kind_without_words_is_told_by_its_name() -> None:
    with smtp_server() as post:
        mailing(post).run(task("something_new"))
    assert post.messages[0]["Subject"] == "Haba Fund: Something new"


def test_starttls_encrypts_and_the_certificate_must_be_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_certificate(tmp_path / "server.pem")
    with smtp_server(tmp_path / "server.pem") as post:
        with pytest.raises(MailNotSent, match="SSLCertVerificationError"):
            mailing(post, "starttls").run(task())
        assert "MAIL" not in post.commands
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
        mailing(post, "starttls").run(task())
    assert post.was_encrypted == [True]


def test_a_server_without_starttls_gets_nothing() -> None:
    with smtp_server() as post, pytest.raises(MailNotSent):
        mailing(post, "starttls").run(task())
    assert (post.messages, "MAIL" in post.commands) == ([], False)


def test_tls_from_the_first_byte_encrypts_and_the_certificate_must_be_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_certificate(tmp_path / "server.pem")
    with smtp_server(tmp_path / "server.pem", from_the_first_byte=True) as post:
        with pytest.raises(MailNotSent, match="SSLCertVerificationError"):
            mailing(post, "tls").run(task())
        assert post.commands == []
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
        mailing(post, "tls").run(task())
    assert post.was_encrypted == [True]


@pytest.mark.parametrize("tls", ["tls", "starttls"])
def test_the_password_goes_over_an_encrypted_line_and_a_wrong_one_is_no_secret_told(
    tls: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_certificate(tmp_path / "server.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
    with smtp_server(tmp_path / "server.pem", from_the_first_byte=tls == "tls") as post:
        post.account = ("kibaba", "right")
        with pytest.raises(MailNotSent) as refusal:
            mailing(post, tls, login=("kibaba", "wrong")).run(task())
        assert (str(refusal.value), post.messages) == ("SMTPAuthenticationError 535", [])
        mailing(post, tls, login=("kibaba", "right")).run(task())
    assert post.logins == [("kibaba", "wrong", True), ("kibaba", "right", True)]
    assert post.was_encrypted == [True]


def test_a_server_that_refuses_is_tried_again_and_its_words_are_not_kept() -> None:
    with smtp_server() as post:
        post.answer = "451 amina@fund.example is busy"
        with pytest.raises(MailNotSent) as refusal:
            mailing(post).run(task())
        assert (str(refusal.value), refusal.value.permanent) == ("SMTPDataError 451", False)
        post.answer = "250 taken"
        mailing(post).run(task())
    assert len(post.messages) == 1


def test_one_refused_address_does_not_keep_it_from_the_others() -> None:
    with smtp_server() as post:
        post.refuse_recipient = STAFF[0]
        mailing(post).run(task())
    assert len(post.messages) == 1


def test_a_server_that_is_away_or_silent_is_an_error_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(MailNotSent, match="ConnectionRefusedError"):
        mailing(Post(port=port)).run(task())
    with smtp_server() as post:
        post.is_silent = True
        with pytest.raises(MailNotSent):
            mailing(post, timeout_seconds=0.2).run(task())


def test_without_a_server_what_was_queued_is_done() -> None:
    AlertMailing(None, "", [], fund="Haba", address="https://kibaba.example").run(task())


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"smtp_host": ""}, "SMTP_HOST is missing"),
        ({"smtp_from": "nobody"}, "SMTP_FROM must be an e-mail address"),
        (
            {"alert_emails": "amina, x@y.example"},
            "ALERT_EMAILS must be e-mail addresses, separated by commas",
        ),
        ({"smtp_username": "kibaba"}, "SMTP_USERNAME and SMTP_PASSWORD are needed together"),
        ({"smtp_tls": "off"}, "SMTP_TLS may be off only for a server on this machine"),
    ],
)
def test_bad_mail_settings_are_named(changed: dict[str, str], fault: str) -> None:
    good = {
        "alert_emails": ", ".join(STAFF),
        "smtp_host": "mail.fund.example",
        "smtp_from": "kibaba@fund.example",
    }
    assert mail_faults(MailSettings.model_validate(good)) == []
    assert mail_faults(MailSettings.model_validate(good | changed)) == [fault]
