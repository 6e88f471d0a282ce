"""Declares the assistants that exist from the first start. All are scripted and say so.

They work for an invented carrier of cold goods. An assistant's `sandbox_script` metadata holds the
commands it follows when a message has none.
"""

from runsdash.sandbox.json_objects import Json, JsonObject


def text(description: str, **more: Json) -> JsonObject:
    return {"type": "string", "description": description, **more}


def function(name: str, description: str, required: list[str], **properties: JsonObject) -> JsonObject:
    parameters = {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters, "strict": False},
    }


FIND_SHIPMENT = function(
    "find_shipment",
    "Where a shipment is now: last scan, depot and expected day of delivery",
    ["shipment_ref"],
    shipment_ref=text("Reference on the label, for example NW-20481", examples=["NW-20481"]),
)
READ_LOGGER = function(
    "read_logger",
    "Temperatures that the logger of a cold box recorded on its way",
    ["box_code"],
    box_code=text("Code of the cold box, for example BX-117", examples=["BX-117"]),
    hours={"type": "integer", "description": "How many hours back", "minimum": 1, "maximum": 96},
)
REROUTE_SHIPMENT = function(
    "reroute_shipment",
    "Send a shipment to another address in the same country. Cannot be undone after loading",
    ["shipment_ref", "street", "postcode"],
    shipment_ref=text("Reference on the label", examples=["NW-20481"]),
    street=text("Street and number", examples=["14 Quay Street"]),
    postcode=text("Postcode", examples=["4021"]),
    notify_receiver={"type": "boolean", "description": "Send the receiver a message"},
)
PAY_CLAIM = function(
    "pay_claim",
    "Pay a claim for a damaged, late or lost shipment",
    ["shipment_ref", "amount_eur", "reason"],
    shipment_ref=text("Reference on the label", examples=["NW-20481"]),
    amount_eur={"type": "number", "description": "Amount in euros", "minimum": 1, "maximum": 150},
    reason=text("Why it is paid", enum=["damaged", "late", "lost"]),
)
CODE, SEARCH = {"type": "code_interpreter"}, {"type": "file_search"}


def assistant(slug: str, name: str, does: str, **more: Json) -> JsonObject:
    script = more.pop("script", "")
    return {
        "id": f"asst_sandbox_{slug}",
        "name": name,
        "description": f"Scripted, no model. {does}",
        "model": "gpt-4o",
        "instructions": f"You are {name} of a carrier of cold goods. Answers come from a script.",
        "metadata": {"sandbox": "scripted"} | ({"sandbox_script": script} if script else {}),
        **more,
    }


ASSISTANTS = [
    assistant(
        "dispatch",
        "Dispatch desk",
        "Has every tool; follows the commands in a message, asks a tool when it ends with a question mark.",
        tools=[FIND_SHIPMENT, READ_LOGGER, REROUTE_SHIPMENT, PAY_CLAIM, CODE, SEARCH],
    ),
    assistant(
        "parallel",
        "Cold-chain watch",
        "Calls both of its functions at once and waits for the outputs.",
        model="gpt-4.1",
        tools=[FIND_SHIPMENT, READ_LOGGER],
        script="/tools",
    ),
    assistant(
        "claims",
        "Claims clerk",
        "Calls pay_claim and waits for its output, then quotes it.",
        tools=[PAY_CLAIM, FIND_SHIPMENT],
        script="/tool pay_claim",
    ),
    assistant(
        "code",
        "Freight calculator",
        "Evaluates arithmetic for real, logs it and draws one chart.",
        model="gpt-4o-mini",
        tools=[CODE],
        script="/code (7.40 + 12 * 0.95) * 1.2 /plot 7.4 8.35 9.3 10.25 11.2 12.15",
    ),
    assistant(
        "search",
        "Handbook reader",
        "Ranks the bundled documents for real and cites them.",
        model="gpt-4.1-mini",
        tools=[SEARCH],
        script="/search temperature excursion quarantine",
    ),
    assistant("long", "Route narrator", "Streams a long answer.", script="/long 400"),
    assistant("slow", "Night porter", "Works for thirty seconds: slow enough to cancel.", script="/slow 30"),
    assistant(
        "limited",
        "Busy line",
        "Fails with rate_limit_exceeded.",
        model="gpt-4o-mini",
        script="/fail rate_limit_exceeded",
    ),
    assistant("broken", "Broken scanner", "Fails with server_error.", script="/fail server_error"),
    assistant("brief", "Short of breath", "Runs out of tokens in the middle of its answer.", script="/incomplete"),
    assistant(
        "approval",
        "Customs broker",
        "Asks for approval of a call on another server (submit_tool_approval).",
        script="/approve update_customs_record",
    ),
    assistant(
        "agents", "Front desk", "Asks the customs broker, whose run waits for approval.", script="/agent approval"
    ),
    assistant("registry", "Registry clerk", "Lists the tools of a server and calls one.", script="/mcp search_records"),
    assistant(
        "scout",
        "Market scout",
        "Calls tools that Foundry runs by itself.",
        script="/hosted bing_grounding frozen goods /hosted azure_ai_search tariffs /hosted openapi islands",
    ),
]
