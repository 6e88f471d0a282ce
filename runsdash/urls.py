"""The whole surface: sign-in here, what programs send in the gateway, everything else in the dashboard."""

from django.urls import include, path

from runsdash.accounts import passwords, sign_in, single_sign_on

urlpatterns = [
    path("accounts/login/", sign_in.login, name="account_login"),
    path("accounts/logout/", sign_in.logout, name="account_logout"),
    path("accounts/password/change/", sign_in.password_change, name="account_change_password"),
    path("accounts/password/forgotten/", passwords.forgotten, name="password_forgotten"),
    path("accounts/password/new/<uidb64>/<token>/", passwords.choose_another, name="password_reset"),
    path("accounts/sso/", single_sign_on.leave, name="sso"),
    path("accounts/sso/callback/", single_sign_on.callback, name="sso_callback"),
    path("", include("runsdash.gateway.urls")),
    path("", include("runsdash.dashboard.urls")),
]
handler404 = "runsdash.dashboard.shell.problems.not_found"
handler403 = "runsdash.dashboard.shell.problems.forbidden"
handler400 = "runsdash.dashboard.shell.problems.bad_request"
handler500 = "runsdash.dashboard.shell.problems.server_error"
