"""Sends one delivery: a signed webhook or an e-mail. Follows no redirect; says in a few words what came of it."""

import hmac
import json
import time
from hashlib import sha256

import requests
from django.core.mail import send_mail
from requests.adapters import HTTPAdapter

from runsdash.index.seal import unseal

from .models import Delivery, Rule
from .targets import Target, TargetRefused, resolved

TIMEOUT_S = 8.0
SIGNATURE_HEADER = "X-RunsDash-Signature"
READ_BYTES = 1024


class AtAddress(HTTPAdapter):
    """Connects to the checked address, but asks the certificate for the host's name."""

    def __init__(self, host: str, *, is_tls: bool) -> None:
        self.tls = {"server_hostname": host, "assert_hostname": host} if is_tls else {}
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: object, **options: object) -> None:
        super().init_poolmanager(*args, **options, **self.tls)


def signature(secret: str, body: bytes, *, at: int) -> str:
    """`t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">`."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, sha256).hexdigest()
    return f"t={at},v1={digest}"


def send(delivery: Delivery) -> tuple[bool, str]:
    """(was it taken, a few words on the answer)."""
    rule = delivery.rule
    try:
        return send_webhook(rule, delivery) if rule.channel == Rule.Channel.WEBHOOK else send_email(rule, delivery)
    except TargetRefused as refused:
        return False, str(refused)
    except (requests.RequestException, OSError) as error:
        return False, f"{type(error).__name__}: the target could not be reached"


def send_webhook(rule: Rule, delivery: Delivery) -> tuple[bool, str]:
    target = resolved(rule.target)
    body = json.dumps({"delivery": delivery.pk, **delivery.body}, separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "RunsDash-webhook",
        "Host": target.host_header,
        "X-RunsDash-Delivery": str(delivery.pk),
        SIGNATURE_HEADER: signature(unseal(rule.sealed_secret) or "", body, at=int(time.time())),
    }
    status = posted(target, body, headers)
    return 200 <= status < 300, f"answered {status}"


def posted(target: Target, body: bytes, headers: dict[str, str]) -> int:
    """The target's status; the body of its answer is not read beyond a little."""
    with requests.Session() as session:
        session.trust_env = False
        session.mount(f"{target.scheme}://", AtAddress(target.host, is_tls=target.scheme == "https"))
        with session.post(
            target.url_by_address, data=body, headers=headers, timeout=TIMEOUT_S, allow_redirects=False, stream=True
        ) as response:
            return response.status_code


def send_email(rule: Rule, delivery: Delivery) -> tuple[bool, str]:
    body = delivery.body
    subject = f"RunsDash: {body['sentence']}".replace("\n", " ").replace("\r", " ")[:200]
    lines = [body["sentence"], "", body.get("path", ""), "", f"Rule: {rule.name}"]
    sent = send_mail(subject, "\n".join(lines), None, [one.strip() for one in rule.target.split(",")])
    return bool(sent), "handed to the mail server" if sent else "the mail server took nothing"
