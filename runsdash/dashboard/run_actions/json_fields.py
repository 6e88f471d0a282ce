"""Defines form fields for the API's parameters. An empty field gives None, which means: not sent."""

import json
from typing import Any

from django import forms

from runsdash.service.decoding import strict_json
from runsdash.service.json_types import Json, JsonObject


def json_error(error: json.JSONDecodeError) -> str:
    return f"Line {error.lineno}, column {error.colno}: {error.msg[:1].lower()}{error.msg[1:]}."


class JsonField(forms.CharField):
    """Takes JSON text of a given shape (`list` or `dict`) and gives back the value."""

    widget = forms.Textarea

    def __init__(self, *, shape: type[list[Json]] | type[JsonObject], placeholder: str = "", **kwargs: Any) -> None:
        super().__init__(required=False, strip=True, **kwargs)
        self.shape = shape
        self.widget.attrs["placeholder"] = placeholder

    def clean(self, value: str | None) -> Json:
        text = super().clean(value)
        return self.parsed(text) if text else None

    def parsed(self, text: str) -> Json:
        try:
            value = strict_json(text)
        except json.JSONDecodeError as error:
            raise forms.ValidationError(json_error(error)) from error
        except ValueError as error:
            raise forms.ValidationError(f"{error}.") from error
        except RecursionError:
            raise forms.ValidationError("This JSON is nested too deeply.") from None
        if not isinstance(value, self.shape):
            raise forms.ValidationError(f"This has to be a JSON {'array' if self.shape is list else 'object'}.")
        return value


class WordOrJsonField(JsonField):
    """Takes a bare word (`auto`), or a JSON object."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(shape=dict, **kwargs)

    def parsed(self, text: str) -> Json:
        word = text.strip().strip('"')
        return word if word.replace("_", "").isalnum() else super().parsed(text)


class BooleanWordField(forms.ChoiceField):
    """Takes nothing (not sent), `true` or `false`; `words` are what people read instead of these two."""

    def __init__(self, *, words: tuple[str, str] = ("true", "false"), **kwargs: Any) -> None:
        choices = [("", "not sent"), ("true", words[0]), ("false", words[1])]
        super().__init__(choices=choices, required=False, **kwargs)

    def clean(self, value: str | None) -> bool | None:
        return {"true": True, "false": False}.get(super().clean(value))


class NumberField(forms.DecimalField):
    """Takes a decimal and gives back a float. The service checks the API's limits."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, widget=forms.TextInput(attrs={"inputmode": "decimal"}), **kwargs)

    def clean(self, value: str | None) -> float | None:
        number = super().clean(value)
        return None if number is None else float(number)


class WholeNumberField(forms.IntegerField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, widget=forms.TextInput(attrs={"inputmode": "numeric"}), **kwargs)


class TextField(forms.CharField):
    """Sends text as typed; empty is not sent."""

    def __init__(self, *, rows: int = 0, **kwargs: Any) -> None:
        if rows:
            kwargs.setdefault("widget", forms.Textarea(attrs={"rows": rows}))
        super().__init__(required=kwargs.pop("required", False), strip=False, empty_value=None, **kwargs)
