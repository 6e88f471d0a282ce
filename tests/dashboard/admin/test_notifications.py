"""The page of rules and deliveries."""

import pytest

from runsdash.audit.models import AuditEntry
from runsdash.notify.delivery_loop import deliver_due
from runsdash.notify.models import Delivery, Rule
from tests.notify.receiver import Receiver, SlowServer
from tests.pages import parsed

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/notifications/new/"
TYPED = {
    "name": "Night shift", "event": "needs_action", "channel": "webhook", "target": "https://hooks.example.org/x",
    "is_enabled": "on",
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
        ("target", "gopher://x", "https://"),
        ("target", "https://user:pass@host/", "user name"),
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
    assert admin.post(PATH, TYPED | {"channel": "email", "target": "a@b.example, nobody"}).status_code == 422


def test_a_test_is_left_to_the_worker_and_followed_until_it_is_over(admin, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with Receiver() as receiver:
        admin.post(PATH, TYPED | {"target": receiver.url, "is_enabled": ""})
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
        admin.post(PATH, TYPED | {"channel": "email", "target": "ops@example.org"})
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


def test_only_for_admins(operator, viewer, client):
    assert operator.get("/notifications/").status_code == 403
    assert viewer.post(PATH, TYPED).status_code == 403
    assert client.get("/notifications/").status_code == 302


def test_unknown_rule_and_wrong_method(admin):
    assert admin.get("/notifications/99/").status_code == 404
    assert admin.get("/notifications/99/remove/").status_code == 405
