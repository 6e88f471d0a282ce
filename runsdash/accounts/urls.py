"""Addresses of signing in: passwords, single sign-on, second factors. Their names are those that allauth looks for."""

from django.urls import path
from django.views.decorators.http import require_http_methods

from . import passwords, second_factor, sign_in, single_sign_on

form = require_http_methods(["GET", "HEAD", "POST"])  # Django's forms take PUT for a post as well

urlpatterns = [
    path("login/", form(sign_in.login), name="account_login"),
    path("logout/", form(sign_in.logout), name="account_logout"),
    path("again/", form(sign_in.reauthenticate), name="account_reauthenticate"),
    path("password/change/", form(sign_in.password_change), name="account_change_password"),
    path("password/forgotten/", form(passwords.forgotten), name="password_forgotten"),
    path("password/new/<uidb64>/<token>/", form(passwords.choose_another), name="password_reset"),
    path("sso/", single_sign_on.leave, name="sso"),
    path("sso/callback/", single_sign_on.callback, name="sso_callback"),
    path("factor/", form(second_factor.index), name="mfa_index"),
    path("factor/code/", form(second_factor.authenticate), name="mfa_authenticate"),
    path("factor/again/", form(second_factor.reauthenticate), name="mfa_reauthenticate"),
    path("factor/again/passkey/", form(second_factor.reauthenticate_webauthn), name="mfa_reauthenticate_webauthn"),
    path("factor/app/", form(second_factor.activate_totp), name="mfa_activate_totp"),
    path("factor/app/remove/", form(second_factor.deactivate_totp), name="mfa_deactivate_totp"),
    path("factor/passkeys/add/", form(second_factor.add_passkey), name="mfa_add_webauthn"),
    path("factor/passkeys/<int:pk>/remove/", form(second_factor.remove_passkey), name="mfa_remove_webauthn"),
    path("factor/recovery-codes/", form(second_factor.codes), name="mfa_view_recovery_codes"),
    path("factor/recovery-codes/new/", form(second_factor.new_codes), name="mfa_generate_recovery_codes"),
]
