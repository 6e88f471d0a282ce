"""Addresses of runs across threads: the list with its filters, saved views, and batch jobs."""

from django.urls import path

from . import batch_views, exports, filter_views, saved_views, totals_view, views

urlpatterns = [
    path("runs/", views.runs, name="runs"),
    path("runs/live/", views.live, name="runs_live"),
    path("runs/export.csv", exports.export_csv, name="runs_export_csv"),
    path("runs/export.jsonl", exports.export_jsonl, name="runs_export_jsonl"),
    path("runs/totals/", totals_view.totals, name="runs_totals"),
    path("runs/rows/<int:key>/", views.row_menu, name="runs_row"),
    path("runs/facets/", filter_views.facets, name="runs_facets"),
    path("runs/suggest/", filter_views.suggest, name="runs_suggest"),
    path("runs/columns/", filter_views.columns, name="runs_columns"),
    path("runs/views/", saved_views.views, name="saved_views"),
    path("runs/views/<int:key>/", saved_views.change, name="saved_view"),
    path("runs/views/<int:key>/delete/", saved_views.delete, name="saved_view_delete"),
    path("runs/<id:run_id>/", views.short, name="run_short"),
    path("bulk/", batch_views.jobs, name="bulk_jobs"),
    path("bulk/new/", batch_views.new, name="bulk_new"),
    path("bulk/<int:key>/", batch_views.job, name="bulk_job"),
    path("bulk/<int:key>/stop/", batch_views.stop, name="bulk_stop"),
    path("bulk/<int:key>/download/", batch_views.download, name="bulk_download"),
]
