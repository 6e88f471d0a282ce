"""Sends e-mail with one time limit for a whole letter, from the lookup to the server's last answer.

smtplib's own time-out bounds one read, so a server that drips, or stays silent after each step, holds a thread.
"""

import contextlib
import smtplib
import socket
from collections.abc import Sequence
from time import monotonic

from django.core.mail import EmailMessage
from django.core.mail.backends import smtp

from runsdash.service.connecting import connected_socket
from runsdash.service.watchdog import Guard

LETTER_S = 10.0  # where EMAIL_URL gives no time-out


class _MailConnection(smtplib.SMTP):
    """Opens its socket within the time of `guard`, which closes it when that is over."""

    guard: Guard

    def _get_socket(self, host: str, port: int, timeout: float | None) -> socket.socket:
        sock = connected_socket(host, port, self.guard.due_at, [])
        self.guard.watch(sock)
        return sock


class _TLSMailConnection(smtplib.SMTP_SSL, _MailConnection):
    """Does the same with TLS from the first byte."""


class EmailBackend(smtp.EmailBackend):
    """Applies `timeout` to one call of `send_messages` as a whole."""

    guard: Guard

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        kind = _TLSMailConnection if self.use_ssl else _MailConnection
        return type(kind.__name__, (kind,), {"guard": self.guard})

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        self.guard = Guard(monotonic() + (self.timeout or LETTER_S))
        try:
            return super().send_messages(email_messages)
        finally:
            self.close()
            self.guard.close()

    def _close_connection(self, connection: smtplib.SMTP) -> None:
        """Quits and closes. A letter that was taken stays sent when the server does not answer QUIT."""
        with contextlib.suppress(OSError):
            connection.quit()
        connection.close()
