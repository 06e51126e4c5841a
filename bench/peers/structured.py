"""100 mixed requests for structured output and tool calls: how many are valid against their schema.

    python structured.py [MODEL]

Half ask for JSON of a schema, half offer tools and require a call. Every answer is judged by `jsonschema`,
which Cairn does not use.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import jsonschema
from openai import OpenAI

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "clients"))
from cairn_server import Server  # noqa: E402

TEXT = {"type": "string", "maxLength": 40}


def closed(properties: dict, **more) -> dict:
    """An object with these properties and no others."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False, **more}


SCHEMAS = {
    "person": closed({"name": TEXT, "age": {"type": "integer", "minimum": 0, "maximum": 120}}),
    "order": closed({
        "id": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{4}$"},
        "state": {"enum": ["open", "paid", "shipped"]},
        "lines": {"type": "array", "minItems": 1, "maxItems": 3, "items": closed({
            "article": TEXT, "count": {"type": "integer", "minimum": 1, "maximum": 99}})},
    }),
    "weather": closed({"city": TEXT, "celsius": {"type": "number"}, "rain": {"type": "boolean"}}),
    "choice": closed({"answer": {"anyOf": [{"type": "null"}, {"enum": ["yes", "no"]}]}}),
    "tree": {**closed({"label": TEXT, "children": {"type": "array", "maxItems": 2, "items": {"$ref": "#/$defs/leaf"}}}),
             "$defs": {"leaf": closed({"label": TEXT})}},
}
TOOLS = {
    "get_weather": closed({"city": TEXT, "unit": {"enum": ["celsius", "fahrenheit"]}}),
    "book_table": closed({"guests": {"type": "integer", "minimum": 1, "maximum": 12}, "hour": {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}}),
    "search": closed({"query": TEXT, "limit": {"type": "integer", "minimum": 1, "maximum": 50}}),
}
PEOPLE = ["Ada, 36, from London", "Grace, 45, of the navy", "Linus, 28, from Helsinki", "Radia, 61", "Barbara, 52, of Boston"]
WISHES = ["the weather in Oslo", "a table for four at half past seven", "papers on lighthouses", "rain in Lima", "dinner for two at 20:00"]


def ask_schema(client: OpenAI, model: str, number: int) -> str | None:
    name, schema = list(SCHEMAS.items())[number % len(SCHEMAS)]
    answer = client.chat.completions.create(
        model=model, seed=number, temperature=0.7, max_tokens=400,
        messages=[{"role": "user", "content": f"Write a {name} about {PEOPLE[number % len(PEOPLE)]} as JSON."}],
        response_format={"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": True}},
    ).choices[0]
    return fault(answer.message.content, schema, answer.finish_reason, "stop")


def ask_tool(client: OpenAI, model: str, number: int) -> str | None:
    tools = [{"type": "function", "function": {"name": name, "description": f"Does {name}.", "parameters": schema}}
             for name, schema in TOOLS.items()]
    named = list(TOOLS)[number % len(TOOLS)]
    choice = "required" if number % 2 else {"type": "function", "function": {"name": named}}
    answer = client.chat.completions.create(
        model=model, seed=number, temperature=0.7, max_tokens=400, tools=tools, tool_choice=choice,
        messages=[{"role": "user", "content": f"I want {WISHES[number % len(WISHES)]}."}],
    ).choices[0]
    calls = answer.message.tool_calls or []
    if not calls:
        return f"no call, but {answer.message.content!r}"
    for call in calls:
        if call.function.name not in TOOLS or (not number % 2 and call.function.name != named):
            return f"an unknown or unwanted function {call.function.name!r}"
        if found := fault(call.function.arguments, TOOLS[call.function.name], answer.finish_reason, "tool_calls"):
            return found
    return None


def fault(text: str, schema: dict, ended: str, wanted: str) -> str | None:
    if ended != wanted:
        return f"ended with {ended!r}: {text!r}"
    try:
        jsonschema.validate(json.loads(text), schema)
    except (ValueError, jsonschema.ValidationError) as error:
        return f"{text!r}: {error}"
    return None


def main() -> int:
    model = sys.argv[1] if len(sys.argv) > 1 else "qwen2.5-coder-0.5b-instruct"
    os.environ["CAIRN_LLM"] = model
    with tempfile.TemporaryDirectory(prefix="cairn-bench-") as folder:
        server = Server(pathlib.Path(folder) / "data").start()
        try:
            client = OpenAI(base_url=f"{server.url}/v1", api_key=server.key, max_retries=0, timeout=600)
            began = time.perf_counter()
            with ThreadPoolExecutor(4) as pool:
                work = [pool.submit(ask_tool if n % 2 else ask_schema, client, model, n // 2) for n in range(100)]
                faults = [found for job in work if (found := job.result())]
        finally:
            server.stop()
    for found in faults:
        print(f"  {found}")
    print(f"structured output and tool calls, {model}: {100 - len(faults)} of 100 valid, {time.perf_counter() - began:.0f} s")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
