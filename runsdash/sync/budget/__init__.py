"""Keeps requests to a connection within its `budget_per_min`, in all processes together.

Read process_budget first: what a page or a worker asks, and how its credit is spent. shared_budget divides each window
among all processes by rows; shared_pauses shares what the upstream said of waiting, and what a worker does after
failures. During a pause nothing is sent: pages show copies, and one without a copy shows the upstream's refusal.
"""
