"""The page of rules and deliveries."""

import pytest

from runsdash.audit.models import AuditEntry
from runsdash.index.models import SavedView
from runsdash.notify.delivery_loop import deliver_due
from runsdash.notify.models import Delivery, Rule
from tests.notify.receiver import Receiver, SlowServer
from tests.pages import parsed

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/notifications/new/"
TYPED = {
    "name": "Night shift", "event": "needs_action", "webhook_url": "https://hooks.example.org/x", "is_enabled": "on",
}  # fmt: skip


def test_add_change_and_remove_on_the_record(admin):
    response = admin.post(PATH, TYPED)
    rule = Rule.objects.get()
    assert (response.status_code, response["Location"]) == (302, f"/notifications/{rule.pk}/")
    assert rule.sealed_secret
    admin.post(f"/notifications/{rule.pk}/", TYPED | {"name": "Day shift"})
    assert Rule.objects.get().name == "Day shift"
    admin.post(f"/notifications/{rule.pk}/remove/")
    assert not Rule.objects.exists()
    actions = AuditEntry.objects.filter(kind="outcome").values_list("action", flat=True)
    assert list(actions.order_by("id")) == [
        "notification_rule_added",
        "notification_rule_changed",
        "notification_rule_removed",
    ]


def test_the_list_and_the_rule_page(admin):
    admin.post(PATH, TYPED)
    page = parsed(admin.get("/notifications/"))
    assert page.one("tr", data_rule=True).one("a").text == "Night shift"
    assert parsed(admin.get(f"/notifications/{Rule.objects.get().pk}/")).one("form", id="rule-form")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("name", "", "required"),
        ("webhook_url", "gopher://x", "https://"),
        ("slack_url", "https://user:pass@host/", "user name"),
        ("event", "party", "choice"),
    ],
)
def test_bad_input_keeps_what_was_typed(admin, name, value, words):
    response = admin.post(PATH, TYPED | {name: value})
    assert response.status_code == 422
    assert not Rule.objects.exists()
    form = parsed(response).one("form", id="rule-form")
    assert words in form.one(id=f"id_{name}-err").text
    if name != "event":
        assert form.one(id=f"id_{name}").get("value", "") == value


def test_bad_addresses(admin):
    assert admin.post(PATH, TYPED | {"emails": "a@b.example, nobody"}).status_code == 422


def test_a_test_is_left_to_the_worker_and_followed_until_it_is_over(admin, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with Receiver() as receiver:
        admin.post(PATH, TYPED | {"webhook_url": receiver.url, "is_enabled": ""})
        rule_page = f"/notifications/{Rule.objects.get().pk}/"
        waiting = parsed(admin.post(f"{rule_page}test/", follow=True)).one(id="deliveries")
        assert (waiting["hx-get"], waiting["hx-trigger"]) == (f"{rule_page}deliveries/", "every 1s")
        assert waiting.one("tr", data_delivery=True)["data-state"] == "due"
        assert receiver.got == []
        assert parsed(admin.get(waiting["hx-get"])).one(id="deliveries")["hx-get"]
        assert deliver_due() == 1
        assert len(receiver.got) == 1
    over = parsed(admin.get(waiting["hx-get"])).one(id="deliveries")
    assert over.one("tr", data_delivery=True)["data-state"] == "sent"
    assert "hx-get" not in over.attributes


def test_a_test_speaks_to_no_mail_server(admin, settings):
    settings.EMAIL_BACKEND = "runsdash.notify.smtp.EmailBackend"
    with SlowServer() as silent:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", silent.port
        admin.post(PATH, TYPED | {"webhook_url": "", "emails": "ops@example.org"})
        rule_page = f"/notifications/{Rule.objects.get().pk}/"
        for _ in range(8):
            answer = admin.post(f"{rule_page}test/")
            assert (answer.status_code, answer["Location"]) == (302, rule_page)
        assert silent.accepted == []
        assert Delivery.objects.count() == 1
        assert deliver_due(deadline_s=0.5) == 0
        assert len(silent.accepted) == 1
    over = parsed(admin.get(rule_page)).one(id="deliveries")
    assert over.one("tr", data_delivery=True)["data-state"] == "failed"
    assert "hx-get" not in over.attributes


def test_not_for_viewers(viewer, client):
    assert viewer.get("/notifications/").status_code == 403
    assert viewer.post(PATH, TYPED).status_code == 403
    assert client.get("/notifications/").status_code == 302


def test_unknown_rule_and_wrong_method(admin):
    assert admin.get("/notifications/99/").status_code == 404
    assert admin.get("/notifications/99/remove/").status_code == 405


WATCHES = {
    "name": "Flood", "event": "run_count", "threshold": "1.5k", "period": "15m", "least_runs": "",
    "emails": "ops@example.org", "is_enabled": "on",
}  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "when"),
    [
        ({}, "more than 1,500 runs in 15m"),
        ({"event": "failure_rate", "threshold": "12.5 %", "period": "1h"}, "more than 12.5 % of the runs in 1h"),
        ({"event": "day_cost", "threshold": "$5"}, "the runs of a day cost more than $5.00"),
        ({"event": "wait", "threshold": "5m"}, "a run waits longer than 5m"),
    ],
)
def test_an_operator_watches_a_saved_view(operator, typed, when):
    view = SavedView.objects.create(owner=operator.user, name="Shop", query="model:o3")
    assert operator.post(PATH, WATCHES | {"view": view.pk} | typed).status_code == 302
    rule = Rule.objects.get()
    assert rule.when.startswith(when)
    assert (rule.view, rule.created_by, rule.check_at is not None) == (view, "operator", True)
    page = parsed(operator.get(f"/notifications/{rule.pk}/"))
    assert page.one(id="id_threshold")["value"] == {"1.5k": "1500", "12.5 %": "12.5", "$5": "5"}.get(
        (WATCHES | typed)["threshold"], "5m"
    )
    assert page.one(id="no-public-url")
    Rule.objects.update(is_above=True)
    operator.post(f"/notifications/{rule.pk}/", WATCHES | {"view": view.pk, "name": "Other"} | typed)
    assert Rule.objects.get().is_above
    operator.post(f"/notifications/{rule.pk}/", WATCHES | typed)
    assert (Rule.objects.get().is_above, Rule.objects.get().view) == (False, None)


def test_a_view_of_threads_cannot_be_watched(operator):
    view = SavedView.objects.create(owner=operator.user, name="Shop", query="runs>5", page="threads")
    assert operator.post(PATH, WATCHES | {"view": view.pk}).status_code == 422
    assert not Rule.objects.exists()


@pytest.mark.parametrize(
    ("typed", "at"),
    [({"threshold": "many"}, "id_threshold-err"), ({"period": "3s"}, "id_period-err"), ({"emails": ""}, "form-err")],
)
def test_a_condition_that_cannot_be_read(operator, typed, at):
    response = operator.post(PATH, WATCHES | typed)
    assert (response.status_code, Rule.objects.count()) == (422, 0)
    assert parsed(response).one(id=at).text


def test_others_rules_are_for_admins_alone(operator, admin):
    admin.post(PATH, TYPED)
    rule_page = f"/notifications/{Rule.objects.get().pk}/"
    assert operator.get(rule_page).status_code == 404
    assert operator.post(f"{rule_page}mute/", {"hours": "1"}).status_code == 404
    assert "Night shift" not in parsed(operator.get("/notifications/")).one(id="rules").text
    operator.post(PATH, WATCHES)
    assert admin.get(f"/notifications/{Rule.objects.latest('pk').pk}/").status_code == 200


def test_a_view_of_others_is_not_offered(operator, viewer):
    view = SavedView.objects.create(owner=viewer.user, name="Theirs", query="")
    assert operator.post(PATH, WATCHES | {"view": view.pk}).status_code == 422


def test_mute_and_unmute_on_the_record(operator, settings):
    operator.post(PATH, WATCHES)
    rule_page = f"/notifications/{Rule.objects.get().pk}/"
    assert operator.get(f"{rule_page}mute/").status_code == 405
    operator.post(f"{rule_page}mute/", {"hours": "8"})
    assert Rule.objects.get().is_muted
    assert parsed(operator.get(rule_page)).one("form", id="mute").one("button").text.strip() == "Unmute"
    operator.post(f"{rule_page}mute/", {"hours": ""})
    assert Rule.objects.get().muted_until is None
    actions = AuditEntry.objects.filter(kind="outcome").order_by("id").values_list("action", flat=True)
    assert list(actions)[1:] == ["notification_rule_muted", "notification_rule_unmuted"]
    settings.RUNSDASH_READ_ONLY = True
    assert operator.post(f"{rule_page}mute/", {"hours": "8"}).status_code == 403
    assert not Rule.objects.get().is_muted


def test_urls_of_targets_are_not_in_the_trail(admin):
    admin.post(PATH, TYPED | {"slack_url": "https://hooks.example.org/services/T/B/secret"})
    kept = str(list(AuditEntry.objects.values_list("content__after", flat=True)))
    assert "https://hooks.example.org/" in kept
    assert "secret" not in kept


def test_it_says_when_no_mail_server_is_set(operator, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    assert "EMAIL_URL" in parsed(operator.get(PATH)).one(id="no-mail-server").text


def test_a_view_that_a_rule_watches_stays(operator):
    view = SavedView.objects.create(owner=operator.user, name="Shop", query="model:o3")
    operator.post(PATH, WATCHES | {"view": view.pk})
    page = parsed(operator.post(f"/runs/views/{view.pk}/delete/", follow=True))
    assert "a notification rule watches it" in page.text
    assert SavedView.objects.exists()
