"""One Cairn as the provider of another: chats by OpenAI's wire, tensors by the Open
Inference Protocol. Both sides are the real program."""

from __future__ import annotations

import json
import math

import openai
import pytest

from cairn_server import Server, free_port

LLM = "SmolLM2-135M-Instruct"
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather at a place",
        "parameters": {
            "type": "object",
            "properties": {"place": {"type": "string", "enum": ["Oslo", "Rome"]}},
            "required": ["place"],
            "additionalProperties": False,
        },
    },
}


class Door(Server):
    """A server without a language model of its own."""

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "CAIRN_LLM": "none"}


@pytest.fixture(scope="module")
def door(server, tmp_path_factory):
    """The server in front: its configuration names the one behind."""
    data = tmp_path_factory.mktemp("door") / "data"
    data.mkdir()
    (data / "cairn.toml").write_text(
        f"""
[providers.behind]
kind = "openai"
base_url = "{server.url}/v1"
api_key = "{server.key}"

[providers.tensors]
kind = "oip"
base_url = "{server.url}"
api_key = "{server.key}"

[providers.nobody]
kind = "openai"
base_url = "http://127.0.0.1:{free_port()}/v1"

[providers.stranger]
kind = "openai"
base_url = "{server.url}/v1"
api_key = "wrong-key-5f1c"
"""
    )
    running = Door(data).start()
    for name, provider, model in [
        ("far-chat", "behind", LLM),
        ("far-nothing", "behind", "no-such-model"),
        ("far-nobody", "nobody", LLM),
        ("far-stranger", "stranger", LLM),
    ]:
        register(running, name, provider, model)
    yield running
    assert running.stop() == 0, f"the server did not end cleanly\n{running.tail()}"


def register(door: Server, name: str, provider: str, model: str, expect: int | None = 200):
    body = {"kind": "remote", "provider": provider, "model": model}
    return door.call("POST", f"/cairn/v1/models/{name}/versions", expect=expect, json=body)


def chat_client(server: Server) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.key, max_retries=0, timeout=180)


def asked(text: str, **more) -> dict:
    return {"messages": [{"role": "user", "content": text}], "temperature": 0, "max_tokens": 24, **more}


def test_the_answer_is_the_one_behind(server, door):
    question = asked("Name three colours.", seed=1)
    chat_client(server).chat.completions.create(model=LLM, **question)
    near = chat_client(server).chat.completions.create(model=LLM, **question)
    far = chat_client(door).chat.completions.create(model="far-chat", **question)
    assert far.choices[0].message.content == near.choices[0].message.content != ""
    assert far.choices[0].finish_reason == near.choices[0].finish_reason
    assert far.usage.prompt_tokens == near.usage.prompt_tokens > 0
    assert far.usage.completion_tokens == near.usage.completion_tokens > 0


def test_a_stream_is_the_same_text_in_pieces(server, door):
    question = asked("Count to five.", seed=1)
    # The first reads the prompt, the others find it in the cache: the same numbers but for their last bits, which
    # may decide between two words.
    chat_client(door).chat.completions.create(model="far-chat", **question)
    whole = chat_client(door).chat.completions.create(model="far-chat", **question)
    pieces, usage = [], None
    for chunk in chat_client(door).chat.completions.create(
        model="far-chat", stream=True, stream_options={"include_usage": True}, **question
    ):
        pieces += [choice.delta.content for choice in chunk.choices if choice.delta.content]
        usage = chunk.usage or usage
    assert "".join(pieces) == whole.choices[0].message.content
    assert len(pieces) > 1
    assert usage.completion_tokens == whole.usage.completion_tokens


def test_log_probabilities_come_through(door):
    far = chat_client(door).chat.completions.create(
        model="far-chat", logprobs=True, top_logprobs=2, **asked("Say yes.")
    )
    tokens = far.choices[0].logprobs.content
    assert tokens and all(len(token.top_logprobs) == 2 and token.logprob <= 0 for token in tokens)
    assert "".join(token.token for token in tokens).startswith(far.choices[0].message.content[:5])


def test_a_call_comes_back_and_its_answer_goes_in(door):
    client = chat_client(door)
    question = asked("How is the weather in Oslo?", tools=[TOOL])
    forced = {"type": "function", "function": {"name": "get_weather"}}
    first = client.chat.completions.create(
        model="far-chat", tool_choice=forced, **{**question, "max_tokens": 64}
    ).choices[0].message
    call = first.tool_calls[0]
    assert call.function.name == "get_weather" and call.id
    assert json.loads(call.function.arguments)["place"] in ("Oslo", "Rome")
    turns = question["messages"] + [
        first.model_dump(exclude_none=True, include={"role", "content", "tool_calls"}),
        {"role": "tool", "tool_call_id": call.id, "content": "cold"},
    ]
    second = client.chat.completions.create(
        model="far-chat", tool_choice="none", **{**question, "messages": turns}
    )
    assert second.choices[0].message.content


def test_a_schema_is_kept_behind(door):
    schema = {
        "type": "object",
        "properties": {"colour": {"type": "string", "enum": ["red", "blue"]}},
        "required": ["colour"],
        "additionalProperties": False,
    }
    shape = {"type": "json_schema", "json_schema": {"name": "pick", "strict": True, "schema": schema}}
    far = chat_client(door).chat.completions.create(
        model="far-chat", response_format=shape, **{**asked("Pick a colour."), "max_tokens": 48}
    )
    assert json.loads(far.choices[0].message.content)["colour"] in ("red", "blue")


def test_failures_say_whose_they_are(server, door):
    client = chat_client(door)
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(model="far-nothing", **asked("x"))
    assert "behind" in str(unknown.value)
    with pytest.raises(openai.APIStatusError) as nobody:
        client.chat.completions.create(model="far-nobody", **asked("x"))
    assert nobody.value.status_code == 503
    with pytest.raises(openai.APIStatusError) as stranger:
        client.chat.completions.create(model="far-stranger", **asked("x"))
    assert stranger.value.status_code == 503 and "providers.stranger" in str(stranger.value)
    assert "wrong-key-5f1c" not in str(stranger.value) + door.log.read_text()
    assert server.key not in door.log.read_text()


def test_a_prompt_over_the_context_keeps_its_code(door):
    with pytest.raises(openai.BadRequestError) as over:
        chat_client(door).chat.completions.create(model="far-chat", **asked("word " * 9000))
    assert over.value.code == "context_length_exceeded"


def test_an_unknown_provider_is_refused_at_registration(door):
    answer = register(door, "far-odd", "elsewhere", "m", expect=None)
    assert answer.status_code in (400, 404) and "elsewhere" in answer.text


def test_secrets_are_not_shown(server, door):
    for path in ("/cairn/v1/status", "/cairn/v1/models"):
        assert server.key not in door.call("GET", path).text


def test_tensors_are_those_of_the_model_behind(server, door, trained):  # noqa: F811
    register(door, "far-income", "tensors", "income")
    there = server.call("GET", "/v2/models/income").json()
    here = door.call("GET", "/v2/models/far-income").json()
    assert here["inputs"] == there["inputs"] and here["outputs"] == there["outputs"]
    rows = [row for row in trained.rows if None not in row.values()]
    inputs = []
    for tensor in there["inputs"]:
        values = [row[tensor["name"]] for row in rows]
        values = [str(value) if tensor["datatype"] == "BYTES" else value for value in values]
        if tensor["datatype"].startswith("INT"):
            values = [int(value) for value in values]
        shape = [len(rows)] + [1] * (len(tensor["shape"]) - 1)
        inputs.append({"name": tensor["name"], "datatype": tensor["datatype"], "shape": shape, "data": values})
    near = server.call("POST", "/v2/models/income/infer", json={"inputs": inputs}).json()["outputs"]
    far = door.call("POST", "/v2/models/far-income/infer", json={"inputs": inputs}).json()["outputs"]
    assert [output["name"] for output in far] == [output["name"] for output in near]
    for left, right in zip(near, far):
        assert left["shape"] == right["shape"] and left["datatype"] == right["datatype"]
        for a, b in zip(left["data"], right["data"]):
            assert a == b or math.isclose(a, b, rel_tol=1e-6)


def test_a_tensor_that_does_not_fit_is_refused_by_name(door, trained):  # noqa: F811
    bad = {"inputs": [{"name": "nothing", "datatype": "FP32", "shape": [1, 1], "data": [1]}]}
    answer = door.call("POST", "/v2/models/far-income/infer", expect=None, json=bad)
    assert answer.status_code == 400, answer.text
