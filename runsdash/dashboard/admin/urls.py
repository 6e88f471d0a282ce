"""Addresses of the audit trail, connections, users, teams, notifications, and one's own profile."""

from django.urls import path

from . import audit, connections, customers, doctor, notifications, profile, retirement, sessions, teams, tokens, users

urlpatterns = [
    path("audit/", audit.audit, name="audit"),
    path("audit/<int:key>/", audit.entry, name="audit_entry"),
    path("doctor/", doctor.doctor, name="doctor"),
    path("connections/", connections.connections, name="connections"),
    path("connections/new/", connections.new, name="connection_new"),
    path("connections/<slug:slug>/", connections.edit, name="connection"),
    path("connections/<slug:slug>/archive/", retirement.retirement, name="connection_archive"),
    path("connections/<slug:slug>/customer/", customers.customer, name="connection_customer"),
    path("connections/<slug:slug>/test/", connections.test, name="connection_test"),
    path("connections/<slug:slug>/remove/", connections.remove, name="connection_remove"),
    path("notifications/", notifications.notifications, name="notifications"),
    path("notifications/new/", notifications.new, name="notification_new"),
    path("notifications/<int:key>/", notifications.edit, name="notification_rule"),
    path("notifications/<int:key>/deliveries/", notifications.deliveries, name="notification_deliveries"),
    path("notifications/<int:key>/mute/", notifications.mute, name="notification_mute"),
    path("notifications/<int:key>/remove/", notifications.remove, name="notification_remove"),
    path("notifications/<int:key>/test/", notifications.test, name="notification_test"),
    path("teams/", teams.teams, name="teams"),
    path("teams/new/", teams.new, name="team_new"),
    path("teams/<int:key>/", teams.edit, name="team"),
    path("teams/<int:key>/remove/", teams.remove, name="team_remove"),
    path("users/", users.users, name="users"),
    path("users/new/", users.new, name="user_new"),
    path("users/<int:key>/", users.edit, name="user"),
    path("users/<int:key>/factors/remove/", users.remove_factors, name="user_factors_remove"),
    path("profile/", profile.profile, name="profile"),
    path("profile/theme/", profile.theme, name="profile_theme"),
    path("profile/time-zone/", profile.time_zone, name="profile_time_zone"),
    path("profile/sessions/end/", sessions.end, name="profile_sessions_end"),
    path("profile/tokens/", tokens.add, name="profile_tokens"),
    path("profile/tokens/<int:key>/revoke/", tokens.revoke, name="profile_token_revoke"),
]
