"""Addresses of a run that the sandbox made."""

TOOL = {
    "type": "function",
    "function": {
        "name": "get_stock",
        "description": "Stock by article",
        "parameters": {"type": "object", "properties": {"sku": {"type": "string"}}, "required": ["sku"]},
    },
}


def run_path(run: dict, more: str = "") -> str:
    return f"/threads/{run['thread_id']}/runs/{run.get('id') or run['run_id']}/{more}"


def run_id_of(url: str) -> str:
    """The run a page's address names."""
    return url.split("/runs/")[1].split("/")[0]
