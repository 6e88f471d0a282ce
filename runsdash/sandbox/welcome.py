"""Writes the page at `GET /` of the sandbox's port: what it is and which commands it follows."""

from html import escape

COMMANDS = [
    ("/tool [NAME]", "calls that function tool; the first one without a name or with an unknown one"),
    ("/tools", "calls every function tool of the run at once (one step each without parallel_tool_calls)"),
    ("/approve [NAME]", "asks for approval of a call on another server (submit_tool_approval)"),
    ("/mcp [NAME]", "lists the tools of another server and calls one, without approval"),
    ("/hosted TYPE WORDS", "a call of a tool that Foundry runs: bing_grounding, azure_ai_search, openapi and others"),
    ("/agent [NAME]", "a run of the assistant asst_sandbox_NAME (approval), and the wait for its answer"),
    ("/computer [WORDS]", "asks for a screenshot, after it typed the words (computer_use_preview)"),
    ("/code EXPR", "a code-interpreter call that really evaluates the arithmetic"),
    ("/plot [NUMBERS]", "a code-interpreter call that makes an image"),
    ("/search WORDS", "file search over the bundled documents: a real ranking, with citations"),
    ("/long N", "a streamed answer of N words"),
    ("/slow N", "stays in_progress for N seconds before it goes on"),
    ("/fail CODE", "ends failed with that last_error.code (server_error without one)"),
    ("/incomplete [REASON]", "runs out of tokens: max_completion_tokens, or max_prompt_tokens if named"),
]


def page(base_url: str) -> str:
    """Writes the page as HTML."""
    rows = "\n".join(f"<tr><td><code>{escape(name)}</code><td>{escape(does)}" for name, does in COMMANDS)
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>RunsDash sandbox</title>
<style>body{{font:15px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}}
td{{padding:.2rem .8rem .2rem 0;vertical-align:top}}</style>
<h1>RunsDash sandbox</h1>
<p>A server of the Threads/Runs protocol with scripted answers. No model runs here and nothing leaves this
machine. Base URL: <code>{escape(base_url)}</code>, with the key as a bearer token or in <code>api-key</code>.
<p>The words of the last user message decide what a run does. Several commands in one message run in order,
one step each:
<table>{rows}</table>
<p>Without a command: a short answer. With function tools and a question mark: a tool call first. Once tool
outputs are in, the answer quotes them. An assistant's <code>sandbox_script</code> metadata holds the commands
it follows when a message has none. Usage is counted from the text, about four characters a token.
</html>
"""
