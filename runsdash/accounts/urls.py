"""Addresses of signing in: passwords, single sign-on, second factors. Their names are those that allauth looks for."""

from django.urls import path

from . import passwords, second_factor, sign_in, single_sign_on

urlpatterns = [
    path("login/", sign_in.login, name="account_login"),
    path("logout/", sign_in.logout, name="account_logout"),
    path("again/", sign_in.reauthenticate, name="account_reauthenticate"),
    path("password/change/", sign_in.password_change, name="account_change_password"),
    path("password/forgotten/", passwords.forgotten, name="password_forgotten"),
    path("password/new/<uidb64>/<token>/", passwords.choose_another, name="password_reset"),
    path("sso/", single_sign_on.leave, name="sso"),
    path("sso/callback/", single_sign_on.callback, name="sso_callback"),
    path("factor/", second_factor.index, name="mfa_index"),
    path("factor/code/", second_factor.authenticate, name="mfa_authenticate"),
    path("factor/again/", second_factor.reauthenticate, name="mfa_reauthenticate"),
    path("factor/again/passkey/", second_factor.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    path("factor/app/", second_factor.activate_totp, name="mfa_activate_totp"),
    path("factor/app/remove/", second_factor.deactivate_totp, name="mfa_deactivate_totp"),
    path("factor/passkeys/add/", second_factor.add_passkey, name="mfa_add_webauthn"),
    path("factor/passkeys/<int:pk>/remove/", second_factor.remove_passkey, name="mfa_remove_webauthn"),
    path("factor/recovery-codes/", second_factor.codes, name="mfa_view_recovery_codes"),
    path("factor/recovery-codes/new/", second_factor.new_codes, name="mfa_generate_recovery_codes"),
]
