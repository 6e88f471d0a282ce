"""Shows administrators how this installation does: what to mend, and its figures."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from runsdash.accounts.guards import UserRequest, admin_required
from runsdash.sync.doctor.facts import facts
from runsdash.sync.doctor.findings import Area, findings

TONES = {Area.MISCONFIGURED: "bad", Area.UNSAFE: "bad", Area.SLOW: "warn", Area.FULL: "bad", Area.BEHIND: "warn"}


@admin_required
@require_safe
def doctor(request: UserRequest) -> HttpResponse:
    """Shows all that `manage.py doctor` says, but for the audit trail, which is not read as a whole here."""
    found = [(TONES[one.area], one) for one in findings(is_whole=False)]
    return render(request, "admin/doctor.html", {"found": found, "facts": facts()})
