"""Addresses of the inbox, the form for tool outputs, and the functions they are of."""

from django.urls import path

from runsdash.dashboard.shell.links import RUN

from . import claims, drafts, functions, tool_outputs, views

urlpatterns = [
    path("needs-action/", views.needs_action, name="needs_action"),
    path("needs-action/live/", views.live, name="needs_action_live"),
    path(RUN + "tool-outputs/", tool_outputs.tool_outputs, name="tool_outputs"),
    path(RUN + "tool-outputs/draft/", drafts.draft, name="tool_outputs_draft"),
    path(RUN + "tool-outputs/claim/", claims.claim, name="tool_outputs_claim"),
    path("functions/", functions.functions, name="functions"),
    path("functions/<id:name>/", functions.function, name="function"),
    path("functions/<id:name>/templates/", functions.add_template, name="function_templates"),
    path("functions/<id:name>/templates/<int:key>/remove/", functions.remove, name="function_template_remove"),
]
