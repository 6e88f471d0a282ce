"""Django's SMTP backend with one time limit for a letter: looking up, connecting, TLS, every answer of the server.

smtplib's own time-out bounds one read, so a server that drips, or stays silent after each step, holds a thread.
"""

import contextlib
import smtplib
import socket
from time import monotonic

from django.core.mail.backends import smtp

from runsdash.service.connecting import connected_socket
from runsdash.service.watchdog import Guard

LETTER_S = 10.0  # unless the backend is given a time-out


class _Connection(smtplib.SMTP):
    guard: Guard

    def _get_socket(self, host: str, port: int, timeout: float | None) -> socket.socket:
        sock = connected_socket(host, port, self.guard.due_at, [])
        self.guard.watch(sock)
        return sock


class _TLSConnection(smtplib.SMTP_SSL, _Connection):
    pass


class EmailBackend(smtp.EmailBackend):
    """`timeout` is for one call of `send_messages` as a whole."""

    guard: Guard

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        kind = _TLSConnection if self.use_ssl else _Connection
        return type(kind.__name__, (kind,), {"guard": self.guard})

    def send_messages(self, email_messages: list) -> int:
        self.guard = Guard(monotonic() + (self.timeout or LETTER_S))
        try:
            return super().send_messages(email_messages)
        finally:
            self.close()
            self.guard.close()

    def _close_connection(self, connection: smtplib.SMTP) -> None:
        """Says goodbye. A letter that was taken is not undone by a server that does not answer to that."""
        with contextlib.suppress(OSError):
            connection.quit()
        connection.close()
