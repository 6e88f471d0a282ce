"""Names sets of quirks: what each known server does in another way than the API says.

docs/protocol.md#servers has the facts. A test and `--dialect` take a set from here, and nothing else knows of servers.
"""

from collections.abc import Mapping

from runsdash.sandbox.json_objects import JsonObject

DIALECTS: Mapping[str, JsonObject] = {
    "openai": {
        "no_thread_list": True,
        "require_beta": True,
    },
    "azure": {
        "require_api_version": True,
        "error_form": "azure",
    },
    "foundry": {
        "require_api_version": True,
        "bearer_only": True,
        "no_function_output": True,
    },
    "foundry-local": {
        "bearer_only": True,
        "names": {"*": {"assistant_id": "agent_id"}},
        "lacks": [
            "GET /threads/{thread_id}/runs",
            "POST /threads/{thread_id}/runs/{run_id}",
            "POST /threads/{thread_id}/runs/{run_id}/submit_tool_outputs",
            "POST /threads/runs",
        ],
        "sets": {"thread": {"title": "Sandbox", "owner_id": "00000000-0000-0000-0000-000000000201"}},
        "leaves_out": {
            "thread": ["tool_resources"],
            "thread.run": [
                "required_action", "expires_at", "model", "tools", "temperature", "top_p", "max_prompt_tokens",
                "max_completion_tokens", "truncation_strategy", "tool_choice", "parallel_tool_calls", "response_format",
                "incomplete_details",
            ],
            "thread.run.step": [
                "assistant_id", "status", "last_error", "expired_at", "cancelled_at", "failed_at", "metadata", "usage",
            ],
            "thread.message": ["status", "incomplete_details", "completed_at", "incomplete_at"],
        },
        "flat_steps": True,
        "no_step_events": True,
        "created_is_201": True,
        "stream_in_query": True,
        "cancels_only": ["queued", "in_progress"],
        "cancel_at_once": True,
        "messages_oldest_first": True,
        "error_form": "detail",
    },
    "open-assistant-api": {
        "no_thread_list": True,
        "float_timestamps": True,
        "names": {"thread.run.step": {"expired_at": "expires_at"}},
        "leaves_out": {"thread.run.step": ["usage"]},
        "sets": {
            "thread.run": {"expires_at": None, "file_ids": [], "extra_body": {}},
            "list": {"next_page": None},
        },
        "never_expires": True,
        "empty_action": True,
        "reason_as_text": True,
        "cancelled_at_early": True,
        "cancels_only": ["in_progress"],
        "partial_outputs": True,
        "stream_dialect": "bare",
    },
}  # fmt: skip
