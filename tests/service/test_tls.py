"""The same promises over TLS: answers, kept connections, deadlines, and certificates that are checked."""

import datetime
import ipaddress
import ssl
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from runsdash.service import Client, NoAnswer
from tests.service.raw_server import RawServer, received, reply, slowly

GOOD = reply({"id": "thread_1"})


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """The path of a file with a key and a certificate for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return str(path)


def over_tls(certificate, answer):
    """The answer, given after a handshake and a request."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def wrapped(connection):
        with context.wrap_socket(connection, server_side=True) as secured:
            received(secured)
            if isinstance(answer, bytes):
                secured.sendall(answer)
            else:
                answer(secured)

    return RawServer(wrapped, listens=False)


def client_of(server, certificate, **options):
    base_url = server.base_url.replace("http:", "https:")
    return Client(base_url, "key", verify=certificate, **{"timeout": 5, "max_retries": 0, **options})


def test_an_answer_over_tls(certificate):
    with over_tls(certificate, GOOD) as server:
        assert client_of(server, certificate).retrieve_thread(thread_id="thread_1").id == "thread_1"


def test_a_kept_connection_over_tls(certificate):
    asked = []

    def twice(secured):
        secured.sendall(GOOD.replace(b"Connection: close\r\n", b""))
        asked.append(received(secured))
        secured.sendall(GOOD)

    with over_tls(certificate, twice) as server:
        client = client_of(server, certificate)
        client.retrieve_thread(thread_id="thread_1")
        client.create_thread()
    assert asked[0].startswith("POST /v1/threads ")


@pytest.mark.clock
@pytest.mark.parametrize("at_once", [0, len(GOOD) - 8], ids=["headers", "body"])
def test_a_drip_over_tls_ends_on_time(certificate, at_once):
    with over_tls(certificate, slowly(GOOD, pause_s=0.2, at_once=at_once)) as server:
        started = time.monotonic()
        with pytest.raises(NoAnswer) as caught:
            client_of(server, certificate, timeout=0.6).create_thread()
        assert 0.55 < time.monotonic() - started < 0.9
    assert (caught.value.sent, caught.value.timed_out) == (True, True)


def test_a_certificate_that_nobody_knows_is_refused_before_sending(certificate):
    with over_tls(certificate, GOOD) as server:
        server.answers = [_ignoring_tls_errors(server.answers[0])]
        client = client_of(server, True)
        with pytest.raises(NoAnswer, match=r"(?i)certificate") as caught:
            client.create_thread()
    assert (caught.value.sent, caught.value.timed_out) == (False, False)


def _ignoring_tls_errors(answer):
    def quiet(connection):
        with pytest.raises(ssl.SSLError):
            answer(connection)

    return quiet
