"""Files of the upstream: images that are images are shown, everything else is a sandboxed download."""

import pytest

from runsdash.dashboard.run.files import image_type_of
from runsdash.index.models import StepBody
from runsdash.index.storage.bodies import shown

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def image_id(connection, start, open_run) -> str:
    open_run(start("/plot", until="completed"))
    bodies = shown(StepBody.objects.all())
    return next(call["images"][0] for body in bodies for call in body.preview["calls"] if call["images"])


def test_an_image_is_shown(image_id, viewer):
    response = viewer.get(f"/files/{image_id}/?connection=sandbox")
    assert response.status_code == 200
    assert response["Content-Type"] == "image/png"
    assert response.content.startswith(b"\x89PNG")
    assert response["Content-Disposition"] == "inline"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"].startswith("sandbox")
    assert "private" in response["Cache-Control"]


def test_a_document_is_a_download(connection, upstream, start, open_run, viewer):
    open_run(start("/search parcel", until="completed"))
    bodies = shown(StepBody.objects.all())
    file_id = next(hit["file_id"] for one in bodies for call in one.preview["calls"] for hit in call["results"])
    response = viewer.get(f"/files/{file_id}/?connection=sandbox")
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"] == f'attachment; filename="{file_id}"'
    assert response["Content-Security-Policy"].startswith("sandbox")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a...", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", ""),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", ""),
        (b" \x89PNG\r\n\x1a\n", ""),
        (b"<html>", ""),
        (b"", ""),
    ],
)
def test_only_four_kinds_of_image_are_images(content, kind):
    assert image_type_of(content) == kind


def test_unknown_file_wrong_connection_and_guards(connection, upstream, viewer, client, nobody):
    assert viewer.get("/files/file-nobody/").status_code == 404
    assert viewer.get("/files/file-nobody/?connection=other").status_code == 404
    assert viewer.post("/files/file-nobody/").status_code == 405
    assert client.get("/files/file-nobody/").status_code == 302
    assert nobody.get("/files/file-nobody/").status_code == 403


def test_upstream_down_is_502(image_id, upstream, viewer):
    upstream.fault("/files/", "500", times=5)
    assert viewer.get(f"/files/{image_id}/").status_code == 502
