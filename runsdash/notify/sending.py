"""Sends one delivery: a signed webhook, a Slack message or an e-mail. Follows no redirect; says what came of it."""

import hmac
import json
import logging
from hashlib import sha256
from html import escape
from threading import Event, Thread
from time import monotonic, time
from typing import Any
from urllib.parse import urljoin

import requests
from django.conf import settings
from django.core.mail import get_connection, send_mail

from runsdash.index.storage.sealed_keys import unseal
from runsdash.json_logs import logged_as
from runsdash.service.json_types import JsonFields
from runsdash.service.wire import WIRE_ERRORS, Adapter, Attempt

from .models import Channel, Delivery, Rule
from .targets import Target, TargetRefused, resolved

MARGIN_S = 0.05  # an error this close to the deadline came of it
# What becomes of a letter under Django's other backends.
WITHOUT_SERVER = {"console": "printed by the worker", "filebased": "written to a file", "dummy": "dropped"}
NO_SERVER = "no mail server is set (EMAIL_URL); the letter was {}"
SIGNATURE_HEADER = "X-RunsDash-Signature"
log = logging.getLogger(__name__)


class AtAddress(Adapter):
    """Connects to the checked address, but asks the certificate for the host's name."""

    def __init__(self, host: str, *, is_tls: bool) -> None:
        self.tls = {"server_hostname": host, "assert_hostname": host} if is_tls else {}
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, **self.tls)


def signature(secret: str, body: bytes, *, at: int) -> str:
    """Signs a body: `t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">`."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, sha256).hexdigest()
    return f"t={at},v1={digest}"


class DeliveryAttempt:
    """Sends one delivery in a thread of its own that touches no database. `result` is what `send` returns."""

    def __init__(self, delivery: Delivery, *, deadline_s: float, any_over: Event) -> None:
        self.delivery = delivery
        self.result: tuple[bool, str] | None = None
        until = monotonic() + deadline_s
        Thread(target=self._run, args=(until, any_over), name="runsdash-sending", daemon=True).start()

    def _run(self, until: float, any_over: Event) -> None:
        with logged_as(delivery=self.delivery.pk):
            self.result = send(self.delivery, until=until)
        any_over.set()


def send(delivery: Delivery, *, until: float) -> tuple[bool, str]:
    """Sends by `until` (monotonic). Returns whether the target took it, and a few words on its answer."""
    rule, channel = delivery.rule, Channel(delivery.channel)
    target = rule.targets.get(channel)
    if not target:
        return False, f"the rule has no {channel.label} any more"
    try:
        if channel == Channel.EMAIL:
            return send_email(rule, delivery, target, until=until)
        return send_webhook(rule, delivery, target, until=until)
    except TargetRefused as refused:
        return False, str(refused)
    except WIRE_ERRORS as error:
        is_late = monotonic() >= until - MARGIN_S
        words = "the target took too long" if is_late else "the target could not be reached"
        return False, f"{type(error).__name__}: {words}"
    except Exception as error:
        log.exception("delivery %s could not be sent", delivery.pk)
        return False, f"{type(error).__name__}: it could not be sent"


def url_of(body: dict[str, str]) -> str:
    """Returns the address of what a delivery is about; under PUBLIC_URL a whole one."""
    return urljoin(settings.PUBLIC_URL, body.get("path", ""))


def send_webhook(rule: Rule, delivery: Delivery, url: str, *, until: float) -> tuple[bool, str]:
    target = resolved(url, until=until)
    headers = {"Content-Type": "application/json", "User-Agent": "RunsDash-webhook", "Host": target.host_header}
    if delivery.channel == Channel.SLACK:
        body = encoded({"text": slack_text(delivery.body)})
    else:
        body = encoded({"delivery": delivery.pk, **delivery.body, "rule": rule.name, "url": url_of(delivery.body)})
        headers["X-RunsDash-Delivery"] = str(delivery.pk)
        headers[SIGNATURE_HEADER] = signature(unseal(rule.sealed_secret) or "", body, at=int(time()))
    status = post(target, body, headers, until=until)
    return 200 <= status < 300, f"answered {status}"


def encoded(body: JsonFields) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def slack_text(body: dict[str, str]) -> str:
    """Writes a message as Slack's incoming webhooks take it, with a link where there is a whole address."""
    sentence = escape(body["sentence"], quote=False)
    return f"{sentence} <{escape(url_of(body), quote=False)}|Open in RunsDash>" if settings.PUBLIC_URL else sentence


def post(target: Target, body: bytes, headers: dict[str, str], *, until: float) -> int:
    """Posts to the target and returns its status; the body of its answer is not read."""
    left_s = max(0.001, until - monotonic())
    # `resolved` has said yes to the address.
    attempt = Attempt(due_at=until, connect_timeout_s=left_s, is_write=True, allow_link_local=True)
    request = requests.Request("POST", target.url_by_address, data=body, headers=headers)
    with requests.Session() as session:
        session.trust_env = False
        session.mount(f"{target.scheme}://", AtAddress(target.host, is_tls=target.scheme == "https"))
        try:
            with attempt.send(request, read_timeout_s=left_s, verify=True, session=session) as response:
                return response.status_code
        finally:
            attempt.close()


def without_mail_server() -> str:
    """Says what becomes of letters where no mail server is set; empty where one is."""
    return WITHOUT_SERVER.get(settings.EMAIL_BACKEND.split(".")[-2], "")


def send_email(rule: Rule, delivery: Delivery, addresses: str, *, until: float) -> tuple[bool, str]:
    body = delivery.body
    subject = f"RunsDash: {body['sentence']}".replace("\n", " ").replace("\r", " ")[:200]
    lines = [body["sentence"], "", url_of(body), "", f"Rule: {rule.name}"]
    to = [one.strip() for one in addresses.split(",")]
    where = without_mail_server()
    if where and delivery.attempts:
        return False, NO_SERVER.format(where)  # once is enough: retries would print it again and again
    mail_server = get_connection(timeout=max(0.001, until - monotonic()))
    sent = send_mail(subject, "\n".join(lines), None, to, connection=mail_server)
    if where:
        return False, NO_SERVER.format(where)
    return bool(sent), "handed to the mail server" if sent else "the mail server took nothing"
