"""Addresses of threads: the list, adding and importing them, one thread, its archive, deletion and purge."""

from django.urls import path

from . import archive, delete, exports, filter_views, purge, sums_view, thread_view, views

urlpatterns = [
    path("threads/", views.threads, name="threads"),
    path("threads/export.csv", exports.export_csv, name="threads_export_csv"),
    path("threads/export.jsonl", exports.export_jsonl, name="threads_export_jsonl"),
    path("threads/facets/", filter_views.facets, name="threads_facets"),
    path("threads/totals/", sums_view.totals, name="threads_totals"),
    path("threads/suggest/", filter_views.suggest, name="threads_suggest"),
    path("threads/add/", views.add, name="threads_add"),
    path("threads/imports/", views.imports, name="threads_imports"),
    path("threads/imports/<int:job_id>/stop/", views.stop, name="threads_import_stop"),
    path("threads/<id:thread_id>/", thread_view.thread, name="thread"),
    path("threads/<id:thread_id>/add/", views.add_again, name="thread_add"),
    path("threads/<id:thread_id>/archive/", archive.archive, name="thread_archive"),
    path("threads/<id:thread_id>/delete/", delete.delete, name="thread_delete"),
    path("threads/<id:thread_id>/purge/", purge.purge, name="thread_purge"),
    path("threads/<id:thread_id>/live/", thread_view.live, name="thread_live"),
]
