"""Names the pages and actions that the one box leads to, and who may open each."""

from dataclasses import dataclass

from django.urls import reverse

from runsdash.dashboard.shell.shell import Shell


@dataclass(frozen=True)
class Place:
    """Names a page. `words`: what else it may be called. `key`: its shortcut.

    `needs`: what a person must be able to.
    """

    label: str
    view: str
    icon: str = "arrow-right"
    key: str = ""
    words: str = ""
    needs: str = ""
    at: str = ""  # on the page

    @property
    def url(self) -> str:
        return f"{reverse(self.view)}{self.at}"

    def fits(self, words: list[str]) -> bool:
        """Does each word begin a word of its names?"""
        names = f"{self.label} {self.words}".casefold().split()
        return all(any(name.startswith(word) for name in names) for word in words)


PLACES = (
    Place("New run", "new_thread_run", "plus", "n", "create start ask", needs="act"),
    Place("Add threads", "threads", "plus", words="import ids file", needs="act", at="#add-threads"),
    Place("Overview", "overview", key="g o", words="go home figures cost usage charts"),
    Place("Inbox", "needs_action", key="g i", words="go answer waiting needs action requires_action"),
    Place("Runs", "runs", key="g r", words="go list"),
    Place("Threads", "threads", key="g t", words="go list conversations"),
    Place("Audit", "audit", key="g a", words="go trail history who"),
    Place("Connections", "connections", key="g c", words="go upstreams api keys server"),
    Place("Compare two runs", "compare", "compare", words="diff"),
    Place("Saved views", "saved_views", "bookmark", words="filters"),
    Place("Functions", "functions", words="tools schemas templates answers"),
    Place("Bulk jobs", "bulk_jobs", words="acts on many runs batch export tag cancel jobs downloads"),
    Place("Add a connection", "connection_new", "plug", words="new upstream api key", needs="manage"),
    Place("Users", "users", "edit", words="people roles", needs="manage"),
    Place("Add a user", "user_new", "plus", words="new people role", needs="manage"),
    Place("Teams", "teams", "edit", words="people groups connections", needs="manage"),
    Place("Doctor", "doctor", "info", words="health disk worker backup configuration", needs="manage"),
    Place("Notifications", "notifications", "send", words="rules webhooks mail slack alerts", needs="operate"),
    Place("Profile", "profile", "edit", words="theme dark light time zone shortcuts"),
    Place("Change password", "account_change_password", "edit"),
    Place("Sign out", "account_logout", words="log out leave"),
)


def places_for(shell: Shell, text: str) -> list[Place]:
    """Returns the places that a person may open and that are called so; without a text, all."""
    rights = {
        "": True,
        "act": shell.can_act and bool(shell.connections),
        "operate": shell.can_act,
        "manage": shell.can_manage,
    }
    words = text.casefold().split()
    return [place for place in PLACES if rights[place.needs] and place.fits(words)]
