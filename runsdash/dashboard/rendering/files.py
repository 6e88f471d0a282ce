"""Links to files of an upstream in RunsDash. Owns the shape of that link and nothing else."""

from urllib.parse import urlencode

from django.urls import reverse

from runsdash.service.json_types import Json


def file_url(file_id: Json, connection_slug: str = "") -> str:
    """Returns the link to a file, or "" for what is no id."""
    if not isinstance(file_id, str) or not file_id:
        return ""
    url = reverse("file", args=[file_id])
    return f"{url}?{urlencode({'connection': connection_slug})}" if connection_slug else url


def is_file_url(url: str) -> bool:
    return url.startswith(reverse("file", args=["-"]).removesuffix("-/"))
