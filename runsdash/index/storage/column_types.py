"""Names what goes into columns and statements, for annotations; owns no code."""

from datetime import date
from decimal import Decimal
from typing import TypeAlias

from django.db.models import Model
from django.db.models.expressions import Combinable

from runsdash.service.json_types import JsonLike

SqlValue: TypeAlias = str | int | float | bool | bytes | Decimal | date | None  # what an engine takes
SqlRow: TypeAlias = tuple[SqlValue, ...]
# What a model takes: JSON, a row that a key names, and an expression of the database, too.
ColumnValue: TypeAlias = SqlValue | JsonLike | Model | Combinable
Columns: TypeAlias = dict[str, ColumnValue]
