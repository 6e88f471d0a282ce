"""The audit trail, connections, users, notifications, and one's own profile."""

from django.urls import path

from . import audit_views, connection_views, notification_views, profile_views, user_views

urlpatterns = [
    path("audit/", audit_views.audit, name="audit"),
    path("audit/<int:key>/", audit_views.entry, name="audit_entry"),
    path("connections/", connection_views.connections, name="connections"),
    path("connections/new/", connection_views.new, name="connection_new"),
    path("connections/<slug:slug>/", connection_views.edit, name="connection"),
    path("connections/<slug:slug>/test/", connection_views.test, name="connection_test"),
    path("connections/<slug:slug>/remove/", connection_views.remove, name="connection_remove"),
    path("notifications/", notification_views.notifications, name="notifications"),
    path("notifications/new/", notification_views.new, name="notification_new"),
    path("notifications/<int:key>/", notification_views.edit, name="notification_rule"),
    path("notifications/<int:key>/deliveries/", notification_views.deliveries, name="notification_deliveries"),
    path("notifications/<int:key>/remove/", notification_views.remove, name="notification_remove"),
    path("notifications/<int:key>/test/", notification_views.test, name="notification_test"),
    path("users/", user_views.users, name="users"),
    path("users/new/", user_views.new, name="user_new"),
    path("users/<int:key>/", user_views.edit, name="user"),
    path("profile/", profile_views.profile, name="profile"),
    path("profile/theme/", profile_views.theme, name="profile_theme"),
]
