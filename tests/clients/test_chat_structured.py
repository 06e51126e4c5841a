"""The official OpenAI client: structured answers, tools, log probabilities, several choices.

The model is tiny, so what it says is often silly; what is tested is that its form is right.
"""

from __future__ import annotations

import concurrent.futures
import json
import math
import re
import time

import jsonschema
import openai
import pydantic
import pytest

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "maxLength": 20},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            },
            "required": ["city", "unit"],
        },
    },
}
CLOCK = {
    "type": "function",
    "function": {"name": "now", "parameters": {"type": "object", "properties": {}}},
}
ASK_WEATHER = [{"role": "user", "content": "What is the weather in Oslo, in celsius?"}]


class Event(pydantic.BaseModel):
    name: str = pydantic.Field(max_length=30)
    day: int = pydantic.Field(ge=1, le=31)
    indoor: bool


def ask(client, messages, **more):
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    more = {"model": "cairn", "temperature": 0, "max_tokens": 120, **more}
    return client.chat.completions.create(messages=messages, **more)


def arguments(call, tool=WEATHER) -> dict:
    read = json.loads(call.function.arguments)
    jsonschema.validate(read, tool["function"]["parameters"])
    return read


def test_parse_gives_an_object_of_the_schema(client):
    parsed = client.chat.completions.parse(
        model="cairn", temperature=0, max_tokens=120, response_format=Event,
        messages=[{"role": "user", "content": "A concert on the 5th in the park. Answer as JSON."}],
    )
    event = parsed.choices[0].message.parsed
    assert isinstance(event, Event) and 1 <= event.day <= 31
    assert parsed.choices[0].finish_reason == "stop"


def test_a_streamed_answer_fits_its_schema_too(client):
    chunks = ask(
        client, "A concert on the 5th in the park. Answer as JSON.", stream=True,
        response_format={"type": "json_schema", "json_schema": {
            "name": "event", "strict": True, "schema": Event.model_json_schema()}},
    )
    Event.model_validate_json("".join(chunk.choices[0].delta.content or "" for chunk in chunks))


def test_json_object_is_an_object(client):
    schema_free = ask(client, "Describe a cat as JSON.", response_format={"type": "json_object"}, max_tokens=300)
    if schema_free.choices[0].finish_reason == "stop":
        assert isinstance(json.loads(schema_free.choices[0].message.content), dict)
    else:
        assert schema_free.choices[0].message.content.startswith("{")


def test_an_answer_cut_by_its_limit_says_length(client):
    cut = ask(
        client, "List many names as JSON.", max_tokens=6,
        response_format={"type": "json_schema", "json_schema": {"name": "names", "schema": {
            "type": "object", "required": ["names"],
            "properties": {"names": {"type": "array", "minItems": 20, "items": {"type": "string"}}}}}},
    )
    assert cut.choices[0].finish_reason == "length"
    assert cut.choices[0].message.content.startswith("{")


@pytest.mark.parametrize("schema", [
    {"type": "object", "unevaluatedItems": {"type": "string"}},
    {"$ref": "http://example.com/elsewhere"},
    {"type": "object", "properties": {"a": {"type": "string", "pattern": "("}}},
])
def test_a_schema_that_cannot_be_followed_is_refused_with_the_reason(client, schema):
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as refused:
            ask(client, "JSON!", stream=stream, response_format={
                "type": "json_schema", "json_schema": {"name": "n", "schema": schema}})
        assert refused.value.param == "response_format"
        assert "response_format" in refused.value.message and len(refused.value.message) > 40


@pytest.mark.parametrize("extra", [
    {"guided_choice": ["positive", "negative"]},
    {"structured_outputs": {"choice": ["positive", "negative"]}},
])
def test_a_choice_is_one_of_those_given(client, extra):
    said = ask(client, "I love this! Positive or negative?", extra_body=extra)
    assert said.choices[0].message.content in ("positive", "negative")
    assert said.choices[0].finish_reason == "stop"


def test_regex_json_and_grammar_are_kept(client):
    date = ask(client, "When?", extra_body={"guided_regex": r"\d{4}-\d{2}-\d{2}"})
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", date.choices[0].message.content)
    number = ask(client, "Say a number as JSON.", extra_body={"guided_json": {"type": "integer", "minimum": 3, "maximum": 5}})
    assert json.loads(number.choices[0].message.content) in (3, 4, 5)
    rules = 'start: "go " DIRECTION\nDIRECTION: "north" | "south"\n'
    way = ask(client, "Where to?", extra_body={"guided_grammar": rules})
    assert way.choices[0].message.content in ("go north", "go south")


def test_two_formats_at_once_are_refused(client):
    with pytest.raises(openai.BadRequestError) as refused:
        ask(client, "x", response_format={"type": "json_object"}, extra_body={"guided_regex": "a"})
    assert refused.value.param == "guided_regex"


def test_a_tool_call_goes_there_and_back(client):
    first = ask(client, ASK_WEATHER, tools=[WEATHER, CLOCK], tool_choice="required", parallel_tool_calls=False)
    choice = first.choices[0]
    assert choice.finish_reason == "tool_calls" and choice.message.content is None
    [call] = choice.message.tool_calls
    assert call.type == "function" and call.id.startswith("call_")
    arguments(call, {"get_weather": WEATHER, "now": CLOCK}[call.function.name])
    history = [*ASK_WEATHER, choice.message, {"role": "tool", "tool_call_id": call.id, "content": "Rain, 8 degrees."}]
    second = ask(client, history, tools=[WEATHER, CLOCK], tool_choice="none", max_tokens=40)
    assert second.choices[0].message.content.strip()
    assert second.choices[0].message.tool_calls is None


def test_a_named_tool_is_the_one_that_is_called(client):
    named = {"type": "function", "function": {"name": "get_weather"}}
    called = ask(client, ASK_WEATHER, tools=[CLOCK, WEATHER], tool_choice=named)
    [call] = called.choices[0].message.tool_calls
    assert call.function.name == "get_weather"
    assert arguments(call)["unit"] in ("celsius", "fahrenheit")
    assert called.choices[0].finish_reason == "tool_calls"


def test_tool_calls_stream_in_openais_shape(client):
    named = {"type": "function", "function": {"name": "get_weather"}}
    chunks = list(ask(
        client, ASK_WEATHER, tools=[WEATHER], tool_choice=named, stream=True,
        stream_options={"include_usage": True},
    ))
    *talking, last = chunks
    assert last.choices == [] and last.usage.completion_tokens > 0
    deltas = [chunk.choices[0].delta for chunk in talking]
    assert deltas[0].role == "assistant" and not any(delta.content for delta in deltas)
    pieces = [piece for delta in deltas for piece in delta.tool_calls or []]
    assert {piece.index for piece in pieces} == {0}
    head, *rest = pieces
    assert head.id and head.type == "function" and head.function.name == "get_weather"
    assert len(rest) > 1 and all(piece.id is None and piece.function.name is None for piece in rest)
    jsonschema.validate(
        json.loads("".join(piece.function.arguments for piece in pieces)), WEATHER["function"]["parameters"]
    )
    assert [chunk.choices[0].finish_reason for chunk in talking][-1] == "tool_calls"


def test_the_clients_own_stream_helper_accepts_the_pieces(client):
    strict = {**WEATHER, "function": {**WEATHER["function"], "strict": True}}
    with client.chat.completions.stream(
        model="cairn", messages=ASK_WEATHER, tools=[strict], tool_choice="required",
        parallel_tool_calls=False, temperature=0, max_tokens=120,
    ) as stream:
        for _ in stream:
            pass
        final = stream.get_final_completion()
    [call] = final.choices[0].message.tool_calls
    arguments(call)


def test_tools_that_are_offered_do_not_stand_in_the_way_of_words(client):
    said = ask(client, "Say hello.", tools=[WEATHER], max_tokens=30)
    choice = said.choices[0]
    assert choice.message.content or choice.message.tool_calls
    for call in choice.message.tool_calls or []:
        if choice.finish_reason == "tool_calls":
            arguments(call)


@pytest.mark.parametrize("more, field", [
    ({"tool_choice": "required"}, "tool_choice"),
    ({"tools": [{"type": "function", "function": {"name": "no spaces"}}]}, "tools[0].function.name"),
    ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
    ({"top_logprobs": 2}, "top_logprobs"),
    ({"n": 99}, "n"),
])
def test_what_cannot_be_is_refused_by_its_field(server, more, field):
    body = {"model": "cairn", "messages": [{"role": "user", "content": "hi"}], **more}
    refused = server.call("POST", "/v1/chat/completions", expect=400, json=body).json()
    assert refused["error"]["param"] == field, refused


def test_logprobs_have_openais_shape_and_are_probabilities(client):
    said = ask(client, "Name a colour.", max_tokens=8, logprobs=True, top_logprobs=3)
    content = said.choices[0].logprobs.content
    written = said.choices[0].message.content
    assert b"".join(bytes(token.bytes) for token in content).decode() == written
    for token in content:
        assert token.logprob <= 0 and len(token.top_logprobs) == 3
        assert sum(math.exp(other.logprob) for other in token.top_logprobs) <= 1.001
        likeliest = token.top_logprobs[0]
        # At temperature 0 the likeliest is what is written.
        assert likeliest.bytes == token.bytes and abs(likeliest.logprob - token.logprob) < 1e-4
    assert ask(client, "Hi", max_tokens=2).choices[0].logprobs is None


def test_logprobs_stream_with_the_text(client):
    chunks = ask(client, "Name a colour.", max_tokens=8, logprobs=True, stream=True)
    tokens, text = b"", ""
    for chunk in chunks:
        choice = chunk.choices[0]
        text += choice.delta.content or ""
        tokens += b"".join(bytes(token.bytes) for token in (choice.logprobs.content if choice.logprobs else []))
    assert tokens.decode() == text and text


def test_three_choices_differ_share_the_prompt_and_are_counted(client):
    answer = ask(client, "Tell me a short story.", n=3, max_tokens=20, temperature=1, seed=7)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    texts = [choice.message.content for choice in answer.choices]
    assert len(set(texts)) > 1
    single = ask(client, "Tell me a short story.", max_tokens=20, temperature=1, seed=7)
    assert answer.usage.prompt_tokens == single.usage.prompt_tokens
    assert 3 <= answer.usage.completion_tokens <= 60
    assert answer.usage.completion_tokens > single.usage.completion_tokens
    # Alone and behind the same cache: what is written beside others may round differently in the last bits.
    again = ask(client, "Tell me a short story.", max_tokens=20, temperature=1, seed=7)
    assert again.choices[0].message.content == single.choices[0].message.content


def test_three_choices_stream_side_by_side(client):
    roles, finished = set(), {}
    for chunk in ask(client, "Tell me a story.", n=3, max_tokens=12, temperature=1, stream=True):
        for choice in chunk.choices:
            if choice.delta.role:
                roles.add(choice.index)
            if choice.finish_reason:
                finished[choice.index] = choice.finish_reason
    assert roles == set(finished) == {0, 1, 2}


def test_ignore_eos_writes_to_the_limit(client):
    said = ask(client, "Say ok.", max_tokens=150, extra_body={"ignore_eos": True})
    assert said.usage.completion_tokens == 150 and said.choices[0].finish_reason == "length"


def test_ten_mixed_requests_at_once_are_all_valid(client):
    colours = {"type": "object", "required": ["colours"], "properties": {"colours": {
        "type": "array", "minItems": 2, "maxItems": 3, "items": {"enum": ["red", "green", "blue"]}}}}
    by_schema = {"response_format": {"type": "json_schema", "json_schema": {"name": "c", "schema": colours}}}
    by_tool = {"tools": [WEATHER, CLOCK], "tool_choice": "required", "parallel_tool_calls": False}
    by_choice = {"extra_body": {"guided_choice": ["left", "right"]}}

    def check(number: int) -> None:
        kind = (by_schema, by_tool, by_choice)[number % 3]
        answer = ask(client, f"Request {number}: what do you think?", temperature=1, seed=number, **kind)
        message, reason = answer.choices[0].message, answer.choices[0].finish_reason
        if kind is by_schema:
            jsonschema.validate(json.loads(message.content), colours)
        elif kind is by_tool:
            [call] = message.tool_calls
            arguments(call, {"get_weather": WEATHER, "now": CLOCK}[call.function.name])
            assert reason == "tool_calls"
        else:
            assert message.content in ("left", "right")

    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        list(pool.map(check, range(10)))


def test_eight_users_behind_one_long_prefix_begin_much_sooner(client):
    """Eight at once with the same new beginning wait for one reading of it, not for eight."""
    words = " ".join(f"Rule {n}: be kind to traveller number {n}." for n in range(90))

    def first_token(prefix: str, user: int) -> float:
        began = time.monotonic()
        stream = ask(
            client, [{"role": "system", "content": prefix}, {"role": "user", "content": f"I am user {user}."}],
            max_tokens=1, stream=True,
        )
        for chunk in stream:
            if chunk.choices and chunk.choices[0].finish_reason:
                break
        return time.monotonic() - began

    def eight(prefixes: list[str]) -> float:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            return sum(pool.map(first_token, prefixes, range(8))) / 8

    fresh = eight([f"Version {n}. {words}" for n in range(8)])
    first_token(f"Shared. {words}", 99)
    shared = eight([f"Shared. {words}"] * 8)
    print(f"first token on average: fresh {fresh:.2f} s, shared {shared:.2f} s, {fresh / shared:.1f} times")
    assert shared * 5 < fresh
