"""Runs that wait for a person: the inbox, the form for their outputs, the functions they call."""

from django.urls import path

from runsdash.dashboard.shell.links import RUN

from . import drafts_view, functions_views, tool_outputs_view, views

urlpatterns = [
    path("needs-action/", views.needs_action, name="needs_action"),
    path("needs-action/live/", views.live, name="needs_action_live"),
    path(RUN + "tool-outputs/", tool_outputs_view.tool_outputs, name="tool_outputs"),
    path(RUN + "tool-outputs/draft/", drafts_view.draft, name="tool_outputs_draft"),
    path("functions/", functions_views.functions, name="functions"),
    path("functions/<id:name>/", functions_views.function, name="function"),
    path("functions/<id:name>/templates/", functions_views.add_template, name="function_templates"),
    path("functions/<id:name>/templates/<int:key>/remove/", functions_views.remove, name="function_template_remove"),
]
