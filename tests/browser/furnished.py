"""`python -m tests.browser.furnished URL`: adds what people make to the database of the environment, to picture its pages.

URL is a server of the protocol, for a connection that closes soon. Runs with the project's own settings, as
tests/browser/prepared.py does. The past must be in the index by then.
"""

import json
import sys
from datetime import timedelta

import django


def furnish(closing_url: str) -> dict[str, str]:
    """Addresses of what was made, by name."""
    from django.utils import timezone

    from runsdash.accounts.models import Team, User
    from runsdash.actions.batch.jobs import make_job
    from runsdash.actions.notes import add_label, add_note
    from runsdash.index.models import Connection, Run, SavedView
    from runsdash.index.storage.sealed_keys import seal
    from runsdash.notify.models import Delivery, Rule
    from runsdash.service.statuses import RunStatus
    from tests.rows import made_connection, made_runs

    now, anna = timezone.now(), User.objects.get(username="anna")
    Connection.objects.filter(slug="default").update(customer_key="customer")
    gone = made_connection("legacy", name="Legacy", kind="azure", sunset_on=now.date() - timedelta(days=30))
    old = made_runs(gone, 3, age_s=40 * 86400)
    closing = made_connection(
        "west", name="West Europe", kind="sandbox", base_url=closing_url, sealed_key=seal("test-key"),
        sunset_on=now.date() + timedelta(days=11),
    )  # fmt: skip
    team = Team.objects.create(name="Night shift")
    team.members.set(User.objects.filter(username__in=["olga", "vito"]))
    team.connections.set([closing])
    for name, query, is_shared in (
        ("Late refunds", "status:failed metadata.channel:chat", True),
        ("Expensive today", "cost:>0.01 created:today", False),
        ("Everything that the night team still has to look at before seven", "status:requires_action", True),
    ):
        SavedView.objects.create(owner=anna, name=name, query=query, is_shared=is_shared)
    rule = Rule.objects.create(
        name="Answers wait at night", event="needs_action", emails="night@example.org", created_by="anna",
        webhook_url="https://hooks.example.org/runsdash",
    )  # fmt: skip
    Rule.objects.create(
        name="Failures of the refund assistant", event="failure_rate", emails="ops@example.org", threshold=10,
        period_s=3600, created_by="anna", view=SavedView.objects.get(name="Late refunds"), counted=12.5, counted_at=now,
        is_above=True,
    )  # fmt: skip
    for at, (state, answer) in enumerate((("sent", "200"), ("failed", "404 Not Found"), ("due", ""))):
        Delivery.objects.create(
            rule=rule, channel="webhook", event_key=f"run:{at}", body={"event": "needs_action"}, state=state,
            answer=answer, due_at=now, attempts=at + 1, sent_at=now if state == "sent" else None,
        )  # fmt: skip
    noted = Run.objects.filter(connection__slug="default", status=RunStatus.FAILED).order_by("-pk").first()
    assert noted is not None
    add_note(
        actor=anna, subject=noted, text="Told the customer that we look into it.\nhttps://tickets.example.org/4711"
    )
    add_note(actor=anna, subject=noted.thread, text="Third time this week that the limit was met here.")
    for subject, name in ((noted, "refund"), (noted, "to be checked"), (noted.thread, "vip")):
        add_label(actor=anna, subject=subject, name=name)
    ids = list(Run.objects.filter(connection__slug="default").order_by("-pk").values_list("pk", flat=True)[:40])
    job = make_job(
        actor=anna, operation="tag", run_ids=ids[:12], token="picture", query="status:failed",
        parameters={"key": "reviewed", "value": "yes"},
    )  # fmt: skip
    return {
        "run-noted": f"/threads/{noted.thread.upstream_id}/runs/{noted.upstream_id}/",
        "thread-noted": f"/threads/{noted.thread.upstream_id}/",
        "run-retired": f"/threads/{old[0].thread.upstream_id}/runs/{old[0].upstream_id}/",
        "bulk-job": f"/bulk/{job.pk}/",
        "rule": f"/notifications/{rule.pk}/",
        "team": f"/teams/{team.pk}/",
        "user": f"/users/{anna.pk}/",
    }


if __name__ == "__main__":
    django.setup()
    json.dump(furnish(sys.argv[1]), sys.stdout)
