"""The whole surface: sign-in here, what programs send in the gateway, everything else in the dashboard."""

from django.urls import include, path

urlpatterns = [
    path("accounts/", include("runsdash.accounts.urls")),
    path("", include("runsdash.gateway.urls")),
    path("", include("runsdash.dashboard.urls")),
]
handler404 = "runsdash.dashboard.shell.problems.not_found"
handler403 = "runsdash.dashboard.shell.problems.forbidden"
handler400 = "runsdash.dashboard.shell.problems.bad_request"
handler500 = "runsdash.dashboard.shell.problems.server_error"
