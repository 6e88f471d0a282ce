"""Schemas of functions: registered on their page, turned into fields, checked before anything is sent."""

import json

import pytest

from runsdash.actions.models import OutputSchema
from runsdash.audit.models import AuditEntry
from runsdash.dashboard.inbox.output_schemas import composed, fields_of, parsed_schema, problems_of, spread
from tests.dashboard.writing import fields, form_in, htmx, path_of, writes
from tests.pages import parsed
from tests.rows import made_run, waiting_for

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/functions/get_stock/"
STOCK = {
    "type": "object",
    "required": ["sku", "left", "place"],
    "properties": {
        "sku": {"type": "string", "minLength": 3, "description": "As printed"},
        "left": {"type": "integer", "minimum": 0},
        "price": {"type": "number"},
        "is_open": {"type": "boolean"},
        "state": {"enum": ["found", "missing", 7]},
        "place": {
            "type": "object",
            "required": ["aisle"],
            "properties": {"aisle": {"type": "string"}, "deep": {"type": "object", "properties": {"x": {}}}},
        },
        "lots": {"type": "array", "items": {"type": "string"}},
    },
}
WHOLE = {
    "sku": "42", "left": 3, "price": 1.5, "is_open": False, "state": 7, "place": {"aisle": "A", "deep": {"x": [1]}},
    "lots": ["a"],
}  # fmt: skip

NUMBERS = ["3544790567247868102", "1e400", "0.1000000000000000055", "-0", "1.50", "1E+2", "9" * 5000]


def without_spaces(text: str) -> str:
    return "".join(text.split())


@pytest.fixture
def schema(db):
    return OutputSchema.objects.create(function_name="get_stock", schema=STOCK, changed_by="anna")


def named(form, row) -> dict[str, str]:
    """Field names by their label."""
    call = row.pending_calls[0]["id"]
    return {one.label: f"field-{call}-{one.number}" for one in fields_of(STOCK)}


# The schema as fields


def test_properties_become_fields_one_level_deep():
    found = [(one.label, one.kind, one.is_required) for one in fields_of(STOCK)]
    assert found == [
        ("sku", "string", True), ("left", "integer", True), ("price", "number", False), ("is_open", "boolean", False),
        ("state", "enum", False), ("place.aisle", "string", True), ("place.deep", "json", False),
        ("lots", "json", False),
    ]  # fmt: skip


def test_a_value_goes_into_fields_and_comes_back_the_same():
    found = fields_of(STOCK)
    assert spread(found, json.dumps(WHOLE))
    assert json.loads(composed(found)) == WHOLE


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize(
    "text", ['{"left": %s}', '{"price":%s }', '{"lots": [{"x": %s, "x": %s}]}', '{"place": {"deep": %s}}']
)
def test_a_number_keeps_its_digits_through_the_fields(text, number):
    found = fields_of(STOCK)
    text = text.replace("%s", number)
    assert spread(found, text)
    assert without_spaces(composed(found)) == without_spaces(text)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_typed_in_a_field_is_sent_as_typed(operator, upstream, waiting, schema, number):
    at, call = named(None, waiting), waiting.pending_calls[0]["id"]
    typed = {at["price"]: f" {number}", at["lots"]: f"[{number}]", f"mode-{call}": "fields", f"unchecked-{call}": "on"}
    assert operator.post(path_of(waiting, "tool-outputs"), typed).status_code == 302
    (sent,) = writes(upstream)
    output = sent["body"]["tool_outputs"][0]["output"]
    assert without_spaces(output) == f'{{"price":{number},"lots":[{number}]}}'


@pytest.mark.parametrize("number", [*NUMBERS, "-1e400", "-" + "9" * 5000])
def test_any_number_of_json_satisfies_a_schema_of_numbers(number):
    schema = {"properties": {"price": {"type": "number"}, "lots": {"type": "array"}}}
    assert problems_of(schema, f'{{"price":{number},"lots":[{number}]}}') == {}
    is_low = number.startswith("-") and number != "-0"
    assert bool(problems_of({"items": {"minimum": -0.5}}, f"[{number}]")) is is_low


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "[NaN]"])
def test_what_json_has_no_word_for_stays_text(word):
    found = {one.label: one for one in fields_of(STOCK)}
    for label in ("price", "lots"):
        found[label].value = word
        assert json.loads(composed(list(found.values()))) == {label: word}
        found[label].value = ""
    assert spread(list(found.values()), f'{{"lots": {word}}}') is False
    assert list(problems_of({}, f'{{"lots": {word}}}')) == [()]


@pytest.mark.parametrize(
    "text",
    [
        '{"left": 1, "left": 2}', '{"place": {"aisle": "A", "aisle": "B"}}', '{"place": {}}', '{"sku": ""}',
        '{"sku": "two\\nlines"}', '{"sku": "\\u0000"}', '{"sku": "\\ud800"}', '{"is_open": null}', '{"state": 7.0}',
        '{"state": "other"}', '{"left": "3"}', '{"left": true}',
    ],
)  # fmt: skip
def test_what_a_form_control_would_change_is_shown_raw(text):
    found = fields_of(STOCK)
    assert spread(found, text) is False
    assert composed(found) == ""


@pytest.mark.parametrize("text", ["[1]", "half {", '{"other": 1}', '{"place": 3}', '{"sku": ["a"]}', '{"left": "3"}'])
def test_what_fields_cannot_hold_is_shown_raw(text):
    assert spread(fields_of(STOCK), text) is False


@pytest.mark.parametrize("schema", [True, {}, {"type": "array"}, {"properties": []}, {"properties": {"a": True}}, None])
def test_odd_schemas_break_nothing(schema):
    assert len(fields_of(schema)) <= 1


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('{"sku": "1234", "place": {"aisle": "A"}}', ("left",)),
        ('{"sku": "1234", "left": -1, "place": {"aisle": "A"}}', ("left",)),
        ('{"sku": "1234", "left": 1, "place": {}}', ("place", "aisle")),
        ("not json", ()),
        ("[]", ()),
    ],
)
def test_a_problem_is_told_at_its_place(text, path):
    assert list(problems_of(STOCK, text)) == [path]


def test_references_elsewhere_are_never_fetched(upstream):
    schema = {"$ref": f"{upstream.origin}/schema.json"}
    assert "cannot be used" in problems_of(schema, "{}")[()]
    assert upstream.requests() == []


@pytest.mark.parametrize(
    "text",
    ["[]", "{", '{"type": 7}', '{"default": NaN}', '{"maximum": 1e999}', '{"a": ' * 5000, '"' + "x" * 70_000 + '"'],
)
def test_what_is_no_schema_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        parsed_schema(text)


# The page of a function


def test_a_schema_is_registered_changed_and_removed_on_the_record(operator):
    assert operator.post(PAGE, {"schema": json.dumps(STOCK)}).status_code == 302
    assert OutputSchema.objects.get().schema == STOCK
    assert json.loads(form_in(operator.get(PAGE), "schema-form").one("textarea").text) == STOCK
    assert operator.post(PAGE, {"schema": " "}).status_code == 302
    assert not OutputSchema.objects.exists()
    entries = AuditEntry.objects.filter(action="save_output_schema", kind="outcome").order_by("id")
    assert [one.after["schema"] for one in entries] == [STOCK, None]


def test_a_bad_schema_is_refused_with_what_was_typed(operator):
    response = operator.post(PAGE, {"schema": '{"type": "thing"}'})
    assert response.status_code == 422
    form = form_in(response, "schema-form")
    assert form.one("textarea").text == '{"type": "thing"}'
    assert "Not a JSON Schema" in form.one(role="alert").text
    assert not OutputSchema.objects.exists()


def test_who_may_register(viewer, client, schema):
    assert viewer.get(PAGE).status_code == 200
    assert viewer.post(PAGE, {"schema": ""}).status_code == 403
    assert client.post(PAGE, {"schema": ""}).status_code == 302
    assert viewer.post(PAGE + "templates/", {"name": "a", "text": "b"}).status_code == 403
    assert OutputSchema.objects.exists()


def test_the_list_names_what_is_known(operator, schema, waiting):
    page = parsed(operator.get("/functions/"))
    (row,) = page.one("tbody").all("tr")
    cells = [cell.text for cell in row.children if hasattr(cell, "tag")]
    assert cells == ["get_stock", "registered", "0", "a run waits"]
    assert operator.get("/functions/?name=other").headers["Location"] == "/functions/other/"


def test_a_tool_that_waits_for_approval_takes_no_outputs(operator, connection):
    call = {"id": "call_1", "type": "mcp", "name": "look_up", "arguments": "{}", "server_label": "docs"}
    asked = {"type": "submit_tool_approval", "submit_tool_approval": {"tool_calls": [call]}}
    made_run(connection, status="requires_action", age_s=5, required_action=asked)
    made_run(connection, status="requires_action", age_s=5, required_action=waiting_for("get_stock"))
    names = [row.one("a").text for row in parsed(operator.get("/functions/")).one("tbody").all("tr")]
    assert names == ["get_stock"]


# The form


def test_fields_are_typed_checked_and_sent_as_json(operator, upstream, waiting, schema):
    path = path_of(waiting, "tool-outputs")
    form = form_in(operator.get(path), "tool-outputs")
    at, call = named(form, waiting), waiting.pending_calls[0]["id"]
    typed = {at["sku"]: "ab", at["left"]: "three", f"mode-{call}": "fields"}
    refused = operator.post(path, fields(form) | typed)

    assert refused.status_code == 422
    assert writes(upstream) == []
    again = form_in(refused, "tool-outputs")
    assert fields(again)[at["left"]] == "three"
    wrong = again.one(data_pane="fields").all("p", class_="err")
    errors = {one.parent.one("label").text.split()[0]: one.text for one in wrong}
    assert set(errors) == {"sku", "left", "place.aisle"}
    assert errors["place.aisle"] == "This is required."
    assert "1 of 1 do not satisfy" in again.all(role="alert")[0].text

    good = typed | {at["sku"]: "abc", at["left"]: "3", at["place.aisle"]: "A", at["lots"]: '["x"]'}
    assert operator.post(path, fields(again) | good).status_code == 302
    (sent,) = writes(upstream)
    assert json.loads(sent["body"]["tool_outputs"][0]["output"]) == {
        "sku": "abc", "left": 3, "place": {"aisle": "A"}, "lots": ["x"],
    }  # fmt: skip


def test_raw_text_is_checked_too_and_may_be_sent_all_the_same(operator, upstream, waiting, schema):
    path, call = path_of(waiting, "tool-outputs"), waiting.pending_calls[0]["id"]
    posted = {f"output-{call}": '{"sku": "abc"}', f"mode-{call}": "raw", "token": "a"}
    refused = operator.post(path, posted)
    assert refused.status_code == 422
    form = form_in(refused, "tool-outputs")
    assert fields(form)[f"output-{call}"] == '{"sku": "abc"}'
    assert "required" in form.all(role="alert")[1].text
    assert form.one("input", name=f"unchecked-{call}")
    assert writes(upstream) == []
    assert operator.post(path, posted | {f"unchecked-{call}": "on", "token": "b"}).status_code == 302
    assert len(writes(upstream)) == 1


def test_a_draft_of_fields_comes_back_in_the_fields(operator, waiting, schema):
    call = waiting.pending_calls[0]["id"]
    at = named(None, waiting)
    htmx(
        operator,
        path_of(waiting, "tool-outputs") + "draft/",
        {at["sku"]: "ab", at["left"]: "12x", f"mode-{call}": "fields"},
    )
    form = form_in(operator.get(path_of(waiting, "tool-outputs")), "tool-outputs")
    assert fields(form)[at["sku"]] == "ab"
    assert fields(form)[at["left"]] == "12x"
    assert "checked" in form.one("input", name=f"mode-{call}", value="fields").attributes


def test_a_hostile_schema_stays_text(operator, waiting):
    bad = "<script>alert(1)</script>"
    schema = {"type": "object", "properties": {bad: {"enum": [bad], "description": bad}}}
    OutputSchema.objects.create(function_name="get_stock", schema=schema, changed_by="x")
    page = parsed(operator.get(path_of(waiting, "tool-outputs")))
    assert all(script.get("src") for script in page.all("script"))
