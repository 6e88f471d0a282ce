"""Holds the stories of the seeded past: what customers of an invented carrier ask, and what follows.

A story has the question, the calls it leads to, and the answer; `{name}` places are filled
with the values of one run.
"""

from dataclasses import dataclass

from runsdash.sandbox.json_objects import JsonObject

ToolCall = tuple[str, JsonObject, JsonObject]  # function, arguments, output
PEOPLE = ["Ines", "Marek", "Tova", "Rashid", "Oona", "Pavel", "Lucia", "Henrik", "Amara", "Joris", "Sefa"]
PLACES = ["Harbor East", "Mill Lane depot", "Northgate", "Ferry quay", "Airport west", "Old Tannery hub"]
STREETS = ["14 Quay Street", "3 Weavers Row", "88 Orchard Road", "27 Station Square", "5 Lock Cottages"]
TEAMS = ["dispatch", "claims", "pharma", "returns", "night"]
MODELS = ["gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini", "o4-mini"]


@dataclass(frozen=True)
class Story:
    """Describes one run. `kind` says which tool the run uses."""

    assistant: str
    kind: str
    asks: str
    answers: str
    calls: tuple[ToolCall, ...] = ()
    query: str = ""


FIND = (
    "find_shipment",
    {"shipment_ref": "{ref}"},
    {"shipment_ref": "{ref}", "last_scan": "{place}", "status": "in transit", "expected": "{day}"},
)
LATE = (
    "find_shipment",
    {"shipment_ref": "{ref}"},
    {"shipment_ref": "{ref}", "last_scan": "{place}", "status": "delivered", "late_minutes": "{minutes}"},
)
LOGGER = (
    "read_logger",
    {"box_code": "{box}", "hours": 24},
    {"box_code": "{box}", "minimum_c": 2.4, "maximum_c": "{degrees}", "readings": 288},
)
REROUTE = (
    "reroute_shipment",
    {"shipment_ref": "{ref}", "street": "{street}", "postcode": "{postcode}", "notify_receiver": True},
    {"accepted": True, "new_day": "{day}", "fee_eur": 0},
)
PAY = (
    "pay_claim",
    {"shipment_ref": "{ref}", "amount_eur": "{amount}", "reason": "late"},
    {"paid": True, "reference": "CL-{postcode}"},
)

STORIES = [
    Story(
        "dispatch",
        "call",
        "{person} is waiting for {ref}. Where is it now?",
        "**{ref}** was last scanned at {place}. It is expected on {day}.",
        (FIND,),
    ),
    Story(
        "dispatch",
        "call",
        "Please send {ref} to {street}, {postcode} instead.",
        "Done: {ref} now goes to {street}, {postcode}, on {day}. The receiver has a message.",
        (FIND, REROUTE),
    ),
    Story(
        "parallel",
        "parallel",
        "Box {box} on shipment {ref}: where is it, and did it stay cold?",
        "{ref} is at {place}. Box {box} stayed between 2.4 and {degrees} degrees over 288 readings.",
        (FIND, LOGGER),
    ),
    Story(
        "claims",
        "call",
        "{ref} came {minutes} minutes late. The customer wants the freight back ({amount} euros).",
        "The delay is confirmed, so I paid {amount} euros under CL-{postcode}.",
        (LATE, PAY),
    ),
    Story(
        "code",
        "code",
        "What do {count} parcels of {weight} kg cost by road, with cold boxes?",
        "{count} parcels of {weight} kg come to **{total} euros**: 7.40 for the first five kilograms, 0.95 for "
        "each further one, and 12 a cold box.",
    ),
    Story(
        "code",
        "plot",
        "Draw this week's parcels: {week}.",
        "The chart shows the week. The busiest day had {peak} parcels.",
    ),
    Story(
        "search",
        "search",
        "What do we do after a temperature excursion in box {box}?",
        "The box is quarantined at the nearest depot, and quality decides within one working day",
        query="temperature excursion quarantine quality",
    ),
    Story(
        "search",
        "search",
        "How long do island routes take, and what about lithium batteries?",
        "Island routes take five working days; batteries wait for the Thursday boat",
        query="island routes ferry lithium batteries",
    ),
    Story(
        "search",
        "search",
        "Until when can {person} open a claim for damage?",
        "Within seven days of delivery, with photos of the parcel and its contents",
        query="claim damage photos days delivery",
    ),
    Story(
        "dispatch",
        "plain",
        "Write two lines to {person}: {ref} is held at customs until the papers are complete.",
        "Dear {person},\n\n{ref} is waiting at {place} for a commodity code. It leaves the same day we have it.",
    ),
    Story(
        "long",
        "plain",
        "Summarize the night at {place} for the morning shift.",
        "### Night at {place}\n\n- {count} parcels loaded, {minutes} minutes behind plan\n- one box ({box}) "
        "checked by hand\n- {ref} held for its papers\n\nNothing else is open.",
    ),
]
