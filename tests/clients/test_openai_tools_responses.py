"""The official OpenAI client: functions in responses, streamed and not, and what came of them.

The model is tiny, so what it calls is often silly; what is tested is that its form is right.
"""

from __future__ import annotations

import json
import time
from typing import Literal

import jsonschema
import openai
import pydantic
import pytest

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {
            "city": {"type": "string", "maxLength": 20},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        },
        "required": ["city", "unit"],
        "additionalProperties": False,
    },
    "strict": True,
}
CLOCK = {"type": "function", "name": "now", "parameters": {"type": "object", "properties": {}}, "strict": False}
NAMED = {"type": "function", "name": "get_weather"}
ASK = "What is the weather in Oslo, in celsius?"
KEEPER = "The last keeper of the Orrin tower was Ida Thorvald. She left the tower in the spring of 1989.\n"
QUESTION = "Who was the last keeper of the Orrin tower?"


class Weather(pydantic.BaseModel):
    """The weather in a city."""

    city: Literal["Oslo", "Rome"]
    unit: Literal["celsius", "fahrenheit"]


def ask(client, **more):
    asked = {
        "model": "cairn", "input": ASK, "tools": [CLOCK, WEATHER], "temperature": 0, "max_output_tokens": 120,
        "parallel_tool_calls": False,
    }
    return client.responses.create(**{**asked, **more})


def called(response):
    """The one call of a response."""
    [call] = response.output
    assert call.type == "function_call" and call.id.startswith("fc_") and call.call_id
    assert call.name == "get_weather" and call.status == "completed"
    jsonschema.validate(json.loads(call.arguments), WEATHER["parameters"])
    return call


def output_of(call, text: str = "Rain, 8 degrees.") -> dict:
    return {"type": "function_call_output", "call_id": call.call_id, "output": text}


@pytest.fixture(scope="module")
def files(client) -> dict:
    """A search of a store with one document."""
    store = client.vector_stores.create(name="beside functions")
    file = client.files.create(file=("keepers.txt", KEEPER.encode()), purpose="assistants")
    attached = client.vector_stores.files.create_and_poll(file.id, vector_store_id=store.id, poll_interval_ms=50)
    assert attached.status == "completed", attached.last_error
    return {"type": "file_search", "vector_store_ids": [store.id]}


def test_a_function_is_called_by_its_name(client):
    response = ask(client, tool_choice=NAMED)
    called(response)
    assert response.status == "completed" and response.output_text == ""
    assert response.parallel_tool_calls is False and response.tool_choice.name == "get_weather"
    assert [tool.name for tool in response.tools] == ["now", "get_weather"]
    assert response.usage.output_tokens > 0
    kept = client.responses.retrieve(response.id)
    assert kept.output == response.output


def test_required_calls_some_function(client):
    [call] = ask(client, tool_choice="required").output
    assert call.type == "function_call" and call.name in ("now", "get_weather")
    assert isinstance(json.loads(call.arguments), dict)


def test_what_came_of_a_call_is_sent_by_the_response_before(client):
    first = ask(client, tool_choice=NAMED)
    call = called(first)
    second = ask(
        client, input=[output_of(call)], previous_response_id=first.id, tool_choice="none", max_output_tokens=40
    )
    assert second.output_text.strip() and second.output[0].type == "message"
    [item] = client.responses.input_items.list(second.id).data
    assert item.type == "function_call_output" and item.id.startswith("fco_")
    assert item.call_id == call.call_id and item.output == "Rain, 8 degrees."
    third = ask(
        client, input="And tomorrow?", previous_response_id=second.id, tool_choice="none", max_output_tokens=20
    )
    assert third.output[0].type == "message"


def test_what_came_of_a_call_is_sent_with_all_items(client):
    question = {"role": "user", "content": ASK}
    first = ask(client, input=[question], tool_choice=NAMED, store=False)
    call = called(first)
    parts = {**output_of(call), "output": [{"type": "input_text", "text": "Rain, 8 degrees."}]}
    second = ask(client, input=[question, *first.output, parts], tool_choice="none", max_output_tokens=40)
    assert second.output_text.strip()
    types = [item.type for item in client.responses.input_items.list(second.id, order="asc")]
    assert types == ["message", "function_call", "function_call_output"]
    counted = client.responses.input_tokens.count(
        model="cairn", input=[question, *first.output, parts], tools=[CLOCK, WEATHER], tool_choice="none"
    )
    assert counted.input_tokens == second.usage.input_tokens


def test_a_conversation_keeps_calls_and_what_came_of_them(client):
    talk = client.conversations.create()
    call = called(ask(client, tool_choice=NAMED, conversation=talk.id))
    ask(client, input=[output_of(call)], conversation=talk.id, tool_choice="none", max_output_tokens=20)
    items = list(client.conversations.items.list(talk.id, order="asc"))
    assert [item.type for item in items] == ["message", "function_call", "function_call_output", "message"]
    with pytest.raises(openai.BadRequestError, match="call_none") as refused:
        client.conversations.items.create(talk.id, items=[output_of(call) | {"call_id": "call_none"}])
    assert refused.value.param == "items[0].call_id"
    found = client.conversations.items.retrieve(items[1].id, conversation_id=talk.id)
    assert found.call_id == call.call_id and found.arguments == call.arguments
    brought = client.conversations.create(items=[
        {"role": "user", "content": ASK},
        {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": "{}"},
        output_of(call) | {"call_id": "call_1"},
    ])
    told = ask(
        client, input="What did you find?", conversation=brought.id, tool_choice="none", max_output_tokens=20
    )
    assert told.output[0].type == "message"


def test_calls_stream_in_the_order_of_the_package(client):
    events = list(ask(client, tool_choice=NAMED, stream=True))
    kinds = [event.type for event in events]
    deltas = [event for event in events if event.type == "response.function_call_arguments.delta"]
    assert kinds == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        *["response.function_call_arguments.delta"] * len(deltas),
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    call = called(events[-1].response)
    added, done, whole = events[2], events[-3], events[-2]
    assert (added.item.id, added.item.arguments, added.item.status) == (call.id, "", "in_progress")
    assert len(deltas) > 1 and "".join(event.delta for event in deltas) == call.arguments
    assert {event.item_id for event in [*deltas, done]} == {call.id}
    assert (done.arguments, done.name, done.output_index) == (call.arguments, "get_weather", 0)
    assert whole.item == call
    again = list(client.responses.retrieve(events[-1].response.id, stream=True))
    assert [(event.type, getattr(event, "delta", None)) for event in again] == [
        (event.type, getattr(event, "delta", None)) for event in events
    ]


def test_the_packages_helpers_read_the_arguments(client):
    asked = {
        "model": "cairn", "input": ASK, "tools": [openai.pydantic_function_tool(Weather)], "temperature": 0,
        "tool_choice": "required", "parallel_tool_calls": False, "max_output_tokens": 120,
    }
    [call] = client.responses.parse(**asked).output
    assert isinstance(call.parsed_arguments, Weather)
    with client.responses.stream(**asked) as stream:
        for event in stream:
            if event.type == "response.function_call_arguments.delta":
                assert event.snapshot.endswith(event.delta)
        [call] = stream.get_final_response().output
    assert isinstance(call.parsed_arguments, Weather)


def test_a_call_is_made_with_nobody_waiting(client):
    response = ask(client, tool_choice=NAMED, background=True)
    assert response.status in ("queued", "in_progress")
    until = time.monotonic() + 60
    while response.status in ("queued", "in_progress") and time.monotonic() < until:
        time.sleep(0.1)
        response = client.responses.retrieve(response.id)
    call = called(response)
    told = ask(
        client, input=[output_of(call)], previous_response_id=response.id, tool_choice="none", max_output_tokens=20
    )
    assert told.output[0].type == "message"


def test_a_call_at_the_token_limit_is_incomplete(client):
    response = ask(client, tool_choice=NAMED, max_output_tokens=4)
    assert response.status == "incomplete" and response.incomplete_details.reason == "max_output_tokens"
    assert [item.status for item in response.output] in ([], ["incomplete"])


def test_functions_that_are_offered_do_not_stand_in_the_way_of_words(client):
    response = ask(client, input="Say hello.", max_output_tokens=30)
    assert response.output and {item.type for item in response.output} <= {"message", "function_call"}


def test_beside_a_search_a_choice_is_kept(client, files):
    both = [files, CLOCK, WEATHER]
    called(ask(client, tools=both, tool_choice=NAMED))
    cited = ask(client, input=QUESTION, tools=both, tool_choice={"type": "file_search"})
    assert [item.type for item in cited.output] == ["file_search_call", "message"]
    for choice in ("auto", "required"):
        chosen = ask(client, input=QUESTION, tools=both, tool_choice=choice)
        types = [item.type for item in chosen.output]
        assert types == ["file_search_call", "message"] or set(types) == {"function_call"}, types
    only = {"type": "allowed_tools", "mode": "required", "tools": [NAMED]}
    called(ask(client, tools=both, tool_choice=only))


def test_beside_a_search_what_functions_gave_is_told(client, files):
    both = [files, WEATHER]
    first = ask(client, tools=both, tool_choice=NAMED)
    call = called(first)
    told = ask(client, input=[output_of(call)], previous_response_id=first.id, tools=both, max_output_tokens=40)
    types = [item.type for item in told.output]
    notes = told.to_dict()["cairn"].get("notes", [])
    if types == ["message"]:
        assert told.output[0].content[0].annotations == [] and any("nothing is cited" in note for note in notes)
    else:
        assert types == ["file_search_call", "message"] or set(types) == {"function_call"}, types


def test_an_output_without_its_call_is_refused(client):
    for more in ({}, {"previous_response_id": ask(client, input="Hello.", tools=[], max_output_tokens=8).id}):
        with pytest.raises(openai.BadRequestError) as refused:
            ask(client, input=[{"type": "function_call_output", "call_id": "call_x", "output": "8"}], **more)
        assert refused.value.param == "input[0].call_id" and "call_x" in refused.value.message
    first = ask(client, tool_choice=NAMED)
    with pytest.raises(openai.BadRequestError) as refused:
        ask(client, input="And now?", previous_response_id=first.id)
    assert called(first).call_id in refused.value.message


@pytest.mark.parametrize("more, field", [
    ({"tool_choice": "required", "tools": []}, "tool_choice"),
    ({"tool_choice": {"type": "function", "name": "other"}, "tools": [CLOCK]}, "tool_choice"),
    ({"tools": [CLOCK, {"type": "function", "name": "no spaces"}]}, "tools[1].name"),
    ({"tools": [CLOCK, CLOCK]}, "tools[1].name"),
    ({"tools": [{"type": "function", "function": {"name": "nested"}}]}, "tools[0].name"),
    ({"tools": [{**CLOCK, "parameters": []}]}, "tools[0].parameters"),
    ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
    ({"input": [{"type": "function_call", "name": "now", "arguments": "{}"}]}, "input[0].call_id"),
    ({"input": [{"role": "user", "content": "x"}, {"type": "function_call", "call_id": "c", "name": "now",
        "arguments": "{}"}]}, "input"),
])
def test_what_cannot_be_is_refused_by_its_field(server, more, field):
    refused = server.call("POST", "/v1/responses", expect=400, json={"model": "cairn", "input": "hi", **more}).json()
    assert refused["error"]["param"] == field, refused
