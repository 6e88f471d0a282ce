"""The shapes of the API's objects as text templates, one JSON line each, ready for `%`."""

import json
import random

THREAD = '{"id":"%s","object":"thread","created_at":%d,"metadata":{},"tool_resources":{}}\n'
RUN = (
    '{"id":"%(id)s","object":"thread.run","created_at":%(created_at)s,"assistant_id":"%(assistant_id)s",'
    '"thread_id":"%(thread_id)s","status":"%(status)s","started_at":%(started_at)s,"expires_at":%(expires_at)s,'
    '"cancelled_at":%(cancelled_at)s,"failed_at":%(failed_at)s,"completed_at":%(completed_at)s,'
    '"required_action":%(required_action)s,"last_error":%(last_error)s,"model":"%(model)s",'
    '"instructions":"%(instructions)s","tools":%(tools)s,"tool_resources":{},"metadata":%(metadata)s,'
    '"temperature":1.0,"top_p":1.0,"max_completion_tokens":null,"max_prompt_tokens":null,'
    '"truncation_strategy":{"type":"auto","last_messages":null},"incomplete_details":%(incomplete)s,'
    '"usage":%(usage)s,"response_format":"auto","tool_choice":"auto","parallel_tool_calls":true}\n'
)
STEP = (
    '{"id":"step_%s","object":"thread.run.step","created_at":%d,"run_id":"%s","assistant_id":"%s","thread_id":"%s",'
    '"type":"%s","status":"completed","cancelled_at":null,"completed_at":%d,"expired_at":null,"failed_at":null,'
    '"last_error":null,"step_details":%s,"usage":{"prompt_tokens":900,"completion_tokens":4%d,"total_tokens":940}}\n'
)
MESSAGE = (
    '{"id":"%s","object":"thread.message","created_at":%d,"thread_id":"%s","run_id":%s,"assistant_id":%s,"role":"%s",'
    '"content":[{"type":"text","text":{"value":"%s","annotations":[]}}],"attachments":[],"metadata":{}}\n'
)
FUNCTIONS = ("get_stock", "send_email", "create_ticket", "lookup_customer", "convert_currency", "get_weather")


def tools(number: int) -> str:
    """The tool definitions of one assistant: two functions, and on some file search or code."""
    names = FUNCTIONS[number % len(FUNCTIONS)], FUNCTIONS[(number + 1) % len(FUNCTIONS)]
    parameters = {"type": "object", "properties": {"sku": {"type": "string"}}, "required": ["sku"]}
    found: list[dict] = [{"type": "function", "function": {"name": name, "parameters": parameters}} for name in names]
    if number % 3 == 0:
        found.append({"type": "file_search"})
    if number % 4 == 0:
        found.append({"type": "code_interpreter"})
    return json.dumps(found, separators=(",", ":"))


def function_call(name: str, arguments: str, output: str | None) -> dict:
    function = {"name": name, "arguments": arguments} | ({} if output is None else {"output": output})
    return {"id": f"call_{name}", "type": "function", "function": function}


def tool_calls(pick: random.Random, text: str) -> str:
    """The details of a step of tool calls; `text` is JSON text without its quotes and becomes the output."""
    output = json.loads(f'"{text}"')
    kind = pick.random()
    if kind < 0.75:
        count = pick.choice((1, 1, 1, 2, 3))
        share = max(1, len(output) // count)
        outputs = [output[place * share : (place + 1) * share] for place in range(count)]
        arguments = json.dumps({"sku": f"A-{pick.randrange(5_000)}", "count": pick.randrange(90)})
        calls = [function_call(pick.choice(FUNCTIONS), arguments, one) for one in outputs]
    elif kind < 0.88:
        code = {"input": f"sum(range({pick.randrange(9_999)}))", "outputs": [{"type": "logs", "logs": output}]}
        calls = [{"id": "call_code", "type": "code_interpreter", "code_interpreter": code}]
    else:
        result = {"file_id": "file-abc123", "file_name": "manual.pdf", "score": 0.82}
        result["content"] = [{"type": "text", "text": output}]
        calls = [{"id": "call_search", "type": "file_search", "file_search": {"results": [result]}}]
    return json.dumps({"type": "tool_calls", "tool_calls": calls}, separators=(",", ":"))


def waiting_action(number: int) -> str:
    """What a run that waits for tool outputs asks for."""
    call = function_call(FUNCTIONS[number % len(FUNCTIONS)], '{"sku":"A-1"}', None)
    action = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": [call]}}
    return json.dumps(action, separators=(",", ":"))
