"""People at their browsers: each a context of the one Chromium, watched for everything a page must not do."""

import re
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Error, Page, Request, Response

from tests.browser.site import Site

CONSOLE_STATUS = re.compile(r"Failed to load resource: the server responded with a status of (\d+)")
LONG_S = 20  # what a busy machine may take for a page


class Visitor:
    """One person's context. `faults` collects what went wrong in any of its pages.

    `expected_statuses` are those that a test wants to see; each other failed request, each error in the console
    (violations of the content security policy among them), dialog or request to elsewhere is a fault.
    """

    def __init__(self, browser: Browser, site: Site, role: str | None, **options: object) -> None:
        self.site = site
        self.faults: list[str] = []
        self.expected_statuses: set[int] = set()
        self.requests: list[Request] = []
        self.context: BrowserContext = browser.new_context(base_url=site.url, **options)
        self.context.set_default_timeout(LONG_S * 1000)
        if role:
            cookie = {"name": "runsdash_session", "value": site.sessions[role], "url": site.url, "httpOnly": True}
            self.context.add_cookies([cookie])
        self.context.on("console", self.heard)
        self.context.on("weberror", lambda error: self.faults.append(f"uncaught: {error.error}"))
        self.context.on("dialog", self.asked)
        self.context.on("request", self.requested)
        self.context.on("response", self.answered)

    def open(self, path: str = "/") -> Page:
        page = self.context.new_page()
        page.goto(path)
        return page

    def heard(self, message: ConsoleMessage) -> None:
        if message.type != "error":
            return
        if CONSOLE_STATUS.search(message.text):
            return  # counted in `answered`
        self.faults.append(f"console: {message.text[:300]}")

    def asked(self, dialog: Dialog) -> None:
        self.faults.append(f"dialog: {dialog.type} {dialog.message[:100]}")
        dialog.dismiss()

    def requested(self, request: Request) -> None:
        self.requests.append(request)
        if urlsplit(request.url).path.endswith("/csp-report/"):
            self.faults.append(f"a rule is broken: {request.post_data}")
        if urlsplit(request.url).netloc != urlsplit(self.site.url).netloc:
            self.faults.append(f"request elsewhere: {request.method} {request.url[:200]}")

    def answered(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.expected_statuses:
            self.faults.append(f"{response.status}: {response.request.method} {response.url[:200]}")

    def polls(self) -> list[Request]:
        """Requests that a poller made, oldest first."""
        return [one for one in self.requests if "/live/" in one.url]

    def leave(self) -> list[str]:
        """Closes everything; what went wrong."""
        try:
            self.context.close()
        except Error as error:
            self.faults.append(f"the browser: {error}")
        return self.faults
