"""Holds the bundled documents of the scripted file search, and ranks them for real (BM25).

The company in them is invented. Scores are normalized to 0..1, as the protocol wants.
"""

import math
import re
from collections import Counter

from runsdash.sandbox.json_objects import JsonObject

RANKER = "default_2024_08_21"
K1, B = 1.4, 0.6

DOCUMENTS = {
    "file-sandbox-transit-times": (
        "transit-times.md",
        """# Transit times

Road freight inside the region takes two to three working days from pick-up. Refrigerated vans leave every
evening at 19:30, so goods that are ready before 16:00 travel the same night.

Island routes take five working days. The ferry does not carry lithium batteries; such parcels wait for the
cargo boat on Thursday and take up to nine days.

Customs adds one working day when the papers are complete. Without a commodity code a shipment is held until
the sender adds one.
""",
    ),
    "file-sandbox-cold-chain": (
        "cold-chain.md",
        """# Cold chain

Pharmaceutical parcels travel between 2 and 8 degrees. Each box carries a logger that writes a temperature
every five minutes. Above 8 degrees for more than thirty minutes counts as an excursion.

After an excursion the box is quarantined at the nearest depot. Quality decides within one working day
whether it is released or destroyed; the receiver gets the logger's record either way.

Frozen goods need dry ice for 72 hours. The depot tops it up on request for a fee of 18 euros a box.
""",
    ),
    "file-sandbox-claims": (
        "claims.md",
        """# Claims and refunds

A claim for damage is opened within seven days of delivery, with photos of the parcel and of its contents. A
claim for loss is opened after ten working days without a scan.

Liability is limited to 40 euros a kilogram unless the sender bought extra cover. Refunds up to 150 euros are
paid by support; above that the claims desk decides within five working days.

Freight is refunded in full when a timed delivery came more than two hours late.
""",
    ),
    "file-sandbox-returns": (
        "returns.md",
        """# Returns

The receiver prints a return label from the tracking page within 30 days. Pick-up from the door costs 4.90
euros; dropping the parcel at a locker is free.

Returned pharmaceutical goods are never put back on sale. They are destroyed, and the sender receives a
certificate of destruction.
""",
    ),
    "file-sandbox-delivery": (
        "delivery-problems.md",
        """# Delivery problems

The driver tries twice. After the second attempt the parcel waits at the depot for seven days and then goes
back to the sender. The receiver can choose a locker, a neighbor or another day on the tracking page.

When the address is incomplete, support corrects it with the reroute tool. A change of the country is not a
reroute: it needs a new shipment.

Storm closures: island routes stop at wind force nine. Shipments keep their place in the queue, and senders
get a message every morning until the boat leaves.
""",
    ),
    "file-sandbox-rates": (
        "rates.md",
        """# Rates

A parcel up to five kilograms costs 7.40 euros by road. Each further kilogram costs 0.95 euros. Cold chain
adds 12 euros a box, timed delivery before noon adds 9 euros.

Customers with more than 400 parcels a month get the contract rate, ten percent below the list.
""",
    ),
}

WORD = re.compile(r"[a-z0-9]+")
STOP = frozenset(re.findall(r"\w+", "a an and are at be by can for from in is it its of on or the to was with"))


def words(text: str) -> list[str]:
    return [word.rstrip("s") for word in WORD.findall(text.lower()) if word not in STOP]


def passages() -> list[tuple[str, str, str]]:
    """Splits every document into paragraphs: (file id, file name, text)."""
    return [
        (file_id, name, " ".join(paragraph.split()))
        for file_id, (name, text) in DOCUMENTS.items()
        for paragraph in text.split("\n\n")
        if not paragraph.startswith("#")
    ]


PASSAGES = [(*passage, Counter(words(passage[2] + " " + passage[1]))) for passage in passages()]
MEAN_LENGTH = sum(sum(counts.values()) for *_, counts in PASSAGES) / len(PASSAGES)


def search(query: str, *, limit: int = 20, score_threshold: float = 0.0) -> list[JsonObject]:
    """Finds the best passages for `query`, best first, in the shape of a file_search result."""
    wanted = set(words(query))
    scored = [(score(counts, wanted), file_id, name, text) for file_id, name, text, counts in PASSAGES]
    scored.sort(key=lambda row: (-row[0], row[1]))
    return [
        {"file_id": file_id, "file_name": name, "score": rank, "content": [{"type": "text", "text": text}]}
        for rank, file_id, name, text in scored[:limit]
        if rank > 0 and rank >= score_threshold
    ]


def score(counts: Counter[str], wanted: set[str]) -> float:
    """Divides BM25 by its upper bound for this query, so 1.0 would be a perfect passage."""
    if not wanted:
        return 0.0
    length = K1 * (1 - B + B * sum(counts.values()) / MEAN_LENGTH)
    reached = sum(rarity(word) * counts[word] * (K1 + 1) / (counts[word] + length) for word in wanted)
    best = sum(rarity(word) for word in wanted) * (K1 + 1)
    return round(min(reached / best, 1.0), 4)


def rarity(word: str) -> float:
    holding = sum(1 for *_, counts in PASSAGES if word in counts)
    return math.log(1 + (len(PASSAGES) - holding + 0.5) / (holding + 0.5))
