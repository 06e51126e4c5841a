"""One rollout for a local language model and a remote one, and a rollback under load.

The remote provider is the server itself: a second version of the tenant's model is the
same language model, asked through OpenAI's protocol.
"""

from __future__ import annotations

import asyncio
import collections
import pathlib
import time

import httpx
import pytest
from openai import NotFoundError, OpenAI

from cairn_server import Server
from onnx_file import scaled

ASSET = "smollm2-135m-instruct"
ROLLOUT = "/cairn/v1/models/helper/rollout"
RATE = 500
SECONDS = 4


@pytest.fixture
def looped(tmp_path: pathlib.Path):
    """A server whose provider `itself` is that server."""
    server = Server(tmp_path / "data")
    server.data.mkdir()
    (server.data / "cairn.toml").write_text(
        f'[providers.itself]\nkind = "openai"\nbase_url = "{server.url}/v1"\napi_key = "{server.key}"\n'
    )
    server.start()
    yield server
    if server.process.poll() is None:
        assert server.stop() == 0, f"the server did not end cleanly\n{server.tail()}"


def ask(client: OpenAI, model: str, user: str) -> str:
    """The version that answers, as the answer names it."""
    answer = client.chat.completions.create(
        model=model, user=user, temperature=0, max_tokens=4, messages=[{"role": "user", "content": "Say yes."}]
    )
    assert answer.choices[0].message.content
    return answer.model


def test_a_rollout_divides_chats_between_a_local_and_a_remote_version(looped: Server):
    client = OpenAI(base_url=f"{looped.url}/v1", api_key=looped.key, max_retries=0, timeout=180)
    versions = "/cairn/v1/models/helper/versions"
    local = looped.call("POST", versions, json={"kind": "gguf", "asset": ASSET}).json()
    assert (local["version"], local["kind"], local["source"]) == (1, "gguf", {"asset": ASSET})
    remote = {"kind": "remote", "provider": "itself", "model": ASSET}
    assert looped.call("POST", versions, json=remote).json()["version"] == 2
    assert looped.call("POST", versions, json=remote).json()["version"] == 2, "registered twice"
    looped.call("POST", "/cairn/v1/models/helper/deploy", json={"version": 1})
    listed = {model.id: model.owned_by for model in client.models.list()}
    assert listed["helper"] == "tenant" and listed[ASSET] == "cairn"
    assert ask(client, "helper", "anyone") == "helper@1"
    looped.call("PUT", "/cairn/v1/models/helper/aliases/other", json={"version": 2})
    assert ask(client, "helper@other", "anyone") == "helper@2"
    with pytest.raises(NotFoundError):
        ask(client, "helper@9", "anyone")

    weights = [{"version": 1, "weight": 1}, {"version": 2, "weight": 1}]
    looped.call("PUT", ROLLOUT, json={"plan": {"strategy": "fixed", "weights": weights}})
    chosen = {user: ask(client, "helper", user) for user in "abcdefghijkl"}
    assert set(chosen.values()) == {"helper@1", "helper@2"}, chosen
    assert all(ask(client, "helper", user) == model for user, model in list(chosen.items())[:4])
    arms = {arm["version"]: arm for arm in looped.call("GET", ROLLOUT).json()["arms"]}
    assert sum(arm["requests"] for arm in arms.values()) == 16
    assert sum(arm["errors"] for arm in arms.values()) == 0
    ended = looped.call("POST", f"{ROLLOUT}/rollback", json={"reason": "enough"}).json()
    assert ended["status"] == "rolled_back" and ended["history"][0]["reason"] == "enough"
    assert {ask(client, "helper", user) for user in "abcd"} == {"helper@1"}


def test_a_shadow_chat_is_compared(looped: Server):
    client = OpenAI(base_url=f"{looped.url}/v1", api_key=looped.key, max_retries=0, timeout=180)
    versions = "/cairn/v1/models/helper/versions"
    looped.call("POST", versions, json={"kind": "gguf", "asset": ASSET})
    looped.call("POST", versions, json={"kind": "remote", "provider": "itself", "model": ASSET})
    plan = {"plan": {"strategy": "shadow", "version": 2}, "stable": 1}
    looped.call("PUT", ROLLOUT, json=plan)
    assert ask(client, "helper", "anyone") == "helper@1"
    deadline = time.monotonic() + 60
    while True:
        shadow = looped.call("GET", ROLLOUT).json()["arms"][1]["shadow"]
        if shadow and shadow["compared"] + shadow["errors"] == 1:
            break
        assert time.monotonic() < deadline, shadow
        time.sleep(0.1)
    # The same file answers both at temperature 0.
    assert shadow["errors"] == 0 and shadow["differing_share"] == 0, shadow


def test_a_rollback_under_load_fails_no_request(own_server: Server):
    for factor in (1.0, 2.0):
        file = ("scaled.onnx", scaled(factor), "application/octet-stream")
        own_server.call("POST", "/cairn/v1/models/scaled/versions", files={"file": file})
    rollout = "/cairn/v1/models/scaled/rollout"
    weights = [{"version": 1, "weight": 1}, {"version": 2, "weight": 1}]
    own_server.call("PUT", rollout, json={"plan": {"strategy": "fixed", "weights": weights}, "stable": 1})
    seen, took = asyncio.run(load(own_server, rollout))
    print(f"{sum(seen.values())} requests in {SECONDS} s, rolled back in {took * 1000:.0f} ms: {dict(seen)}")
    assert set(status for status, _, _ in seen) == {200}, seen
    assert took < 1.0
    assert seen[(200, False, "2")] > 0, "version 2 never answered"
    assert seen[(200, True, "2")] == 0, "version 2 answered after the rollback"


async def load(server: Server, rollout: str) -> tuple[collections.Counter, float]:
    """About RATE requests a second, with a rollback in the middle: what came, and how long that took."""
    seen: collections.Counter = collections.Counter()
    back = False
    body = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    headers = {"authorization": f"Bearer {server.key}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=60, limits=limits) as http:

        async def one() -> None:
            after = back
            answer = await http.post("/v2/models/scaled/infer", json=body)
            seen[(answer.status_code, after, answer.json().get("model_version"))] += 1

        began = time.monotonic()
        running: set[asyncio.Task] = set()
        took = None
        for number in range(RATE * SECONDS):
            if took is None and number >= RATE * SECONDS // 2:
                started = time.monotonic()
                (await http.post(f"{rollout}/rollback", json={"reason": "complaints"})).raise_for_status()
                took, back = time.monotonic() - started, True
            wait = began + number / RATE - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            while len(running) >= 128:
                _, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            running.add(asyncio.create_task(one()))
        await asyncio.gather(*running)
        return seen, took
