"""Estimates what a run cost: its tokens at the list price its model had when the run was created.

Prices come from the genai-prices package as installed and from the setting RUNSDASH_PRICES, never over the
network. Prompt tokens that came out of a cache have their own price, where the server counts them and one is known.
Models without a known price cost None, never 0.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache

from django.conf import settings
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, StartDateConstraint, Usage

from runsdash.index.models import Connection

MTOK = 1_000_000
# Model names come from servers and can be anything, so what is kept of them is bounded.
MODELS_KEPT, TARIFFS_KEPT = 2048, 8192
LISTS: dict[str, str] = {Connection.Kind.AZURE_OPENAI: "azure", Connection.Kind.FOUNDRY: "azure"}
PROVIDERS = get_snapshot().providers  # read with this module: it takes a third of a second, too long for a transaction


@dataclass(frozen=True)
class Linear:
    """Holds US dollars per million tokens, the same for any number of tokens. `cached`: None when as `input`."""

    input: float
    output: float
    cached: float | None = None

    def cost(self, *, prompt_tokens: int, cached_tokens: int, completion_tokens: int, created_at: datetime) -> float:
        full = prompt_tokens * self.input + completion_tokens * self.output
        saved = 0.0 if self.cached is None else cached_tokens * (self.input - self.cached)
        return (full - saved) / MTOK


@dataclass(frozen=True)
class Tiered:
    """Holds a price that depends on the number of tokens or the time of day."""

    listed: ModelInfo

    def cost(self, *, prompt_tokens: int, cached_tokens: int, completion_tokens: int, created_at: datetime) -> float:
        usage = Usage(
            input_tokens=prompt_tokens, cache_read_tokens=cached_tokens or None, output_tokens=completion_tokens
        )
        return float(self.listed.get_prices(created_at).calc_price(usage)["total_price"])


def cost_of(
    *,
    model: str,
    kind: str,
    created_at: datetime,
    prompt_tokens: int | None,
    completion_tokens: int | None,
    cached_tokens: int | None = None,
) -> float | None:
    """Estimates US dollars; None without usage, or when the model's price is not known. `kind`: the connection's."""
    if prompt_tokens is None or completion_tokens is None:
        return None
    tariff = own_tariff(model) or listed_tariff(kind, model, created_at.astimezone(UTC).date())
    if tariff is None:
        return None
    return tariff.cost(
        prompt_tokens=prompt_tokens,
        cached_tokens=min(cached_tokens or 0, prompt_tokens),
        completion_tokens=completion_tokens,
        created_at=created_at,
    )


@dataclass(frozen=True)
class PriceFacts:
    """Says which price a model has: `own`, of the `list`, or `full`, that of the list for a name that says batch."""

    source: str
    has_cached: bool


def price_facts(model: str, *, kind: str, created_at: datetime) -> PriceFacts:
    if own := own_tariff(model):
        return PriceFacts("own", own.cached is not None)
    listed = listed_model(kind, model)
    has_cached = listed is not None and listed.get_prices(created_at).cache_read_mtok is not None
    return PriceFacts("full" if "batch" in model.lower() else "list", has_cached)


def own_tariff(model: str) -> Linear | None:
    """Finds the price that RUNSDASH_PRICES gives, which wins over the list."""
    given = settings.RUNSDASH_PRICES.get(model.casefold())
    return Linear(*given) if given else None


@lru_cache(maxsize=TARIFFS_KEPT)
def listed_tariff(kind: str, model: str, day: date) -> Linear | Tiered | None:
    found = listed_model(kind, model)
    if found is None:
        return None
    price = found.get_prices(datetime(day.year, day.month, day.day, tzinfo=UTC))
    if price.input_mtok is None or price.output_mtok is None:
        return None
    return (None if varies_by_hour(found) else linear_of(price)) or Tiered(found)


def linear_of(price: ModelPrice) -> Linear | None:
    """Returns prices that are the same for any number of tokens, if they are."""
    of_input, of_output, cached = price.input_mtok, price.output_mtok, price.cache_read_mtok
    if not isinstance(of_input, Decimal) or not isinstance(of_output, Decimal):
        return None
    if cached is not None and not isinstance(cached, Decimal):
        return None
    return Linear(float(of_input), float(of_output), None if cached is None else float(cached))


def varies_by_hour(found: ModelInfo) -> bool:
    constraints = [] if isinstance(found.prices, ModelPrice) else [one.constraint for one in found.prices]
    return any(one is not None and not isinstance(one, StartDateConstraint) for one in constraints)


@lru_cache(maxsize=MODELS_KEPT)
def listed_model(kind: str, model: str) -> ModelInfo | None:
    """Finds a model in the price list: of the connection's provider, else of one that has models of such a name."""
    name, wanted = model.lower(), LISTS.get(kind, "openai")
    matching = [one for one in PROVIDERS if one.model_match is not None and one.model_match.is_match(name)]
    for provider in [*(one for one in PROVIDERS if one.id == wanted), *matching]:
        found = provider.find_model(name, all_providers=PROVIDERS)
        if found is not None:
            return found
    return None
