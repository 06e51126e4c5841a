"""The official MCP client, in both eras of the protocol: documents are searched, read and asked."""

from __future__ import annotations

import asyncio
import contextlib
import json
import types

import httpx2
import jsonschema
import mcp.types
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from conftest import EXAMPLES

KEEPER = "The last keeper of the Orrin lighthouse was Ida Thorvald. She left it in the spring of 1989.\n"
WHO = "Who was the last keeper of the Orrin lighthouse?"
TOOLS = ["search", "fetch", "ask", "list_stores"]
MODES = {"legacy": "2025-11-25", "auto": "2026-07-28", "2026-07-28": "2026-07-28"}


@contextlib.asynccontextmanager
async def connected(server, mode: str, key: str | None = None, **headers):
    """A client of `mode` that sends the server's key, or another."""
    headers["authorization"] = f"Bearer {server.key if key is None else key}"
    async with httpx2.AsyncClient(headers=headers, timeout=300) as http:
        transport = streamable_http_client(f"{server.url}/mcp", http_client=http)
        async with Client(transport, mode=mode) as client:
            yield client


def talk(server, mode: str, work, **how):
    """What `work` gives with a connected client."""

    async def whole():
        async with connected(server, mode, **how) as client:
            return await work(client)

    return asyncio.run(whole())


async def given(client, tool: str, **arguments) -> dict:
    """What a tool gives, which its one text says too; the client holds it to the tool's schema."""
    told = await client.call_tool(tool, arguments)
    assert not told.is_error, told.content
    [text] = told.content
    assert json.loads(text.text) == told.structured_content
    return told.structured_content


async def refusal(client, tool: str, **arguments) -> str:
    """Why a tool gives nothing."""
    told = await client.call_tool(tool, arguments)
    assert told.is_error and told.structured_content is None, told
    return told.content[0].text


@pytest.fixture(scope="module")
def lighthouse(server, client):
    """Two stores: one with a text, one with a PDF of several pages."""
    pdf = EXAMPLES / "documents" / "transaction-isolation.pdf"
    files, stores = {}, {}
    for store, name, data in [
        ("lighthouse", "keepers.txt", KEEPER.encode()),
        ("manuals", pdf.name, pdf.read_bytes()),
    ]:
        stores[store] = client.vector_stores.create(name=f"mcp {store}").id
        file = client.files.create(file=(name, data), purpose="assistants")
        attached = client.vector_stores.files.create_and_poll(
            file.id, vector_store_id=stores[store], poll_interval_ms=50
        )
        assert attached.status == "completed", attached.last_error
        files[name] = file.id
    return types.SimpleNamespace(files=files, stores=stores, pdf=pdf.name)


@pytest.mark.parametrize("mode", MODES)
def test_the_client_agrees_on_a_version_and_sees_the_tools(server, mode):
    async def work(client):
        listed = await client.list_tools()
        return client.protocol_version, client.server_info, client.server_capabilities, client.instructions, listed

    version, info, capabilities, instructions, listed = talk(server, mode, work)
    assert version == MODES[mode]
    if mode != "2026-07-28":  # Without a first request nothing is known of the server.
        assert info.name == "cairn" and capabilities.tools is not None and capabilities.prompts is None
        assert "search" in instructions
    assert [tool.name for tool in listed.tools] == TOOLS
    for tool in listed.tools:
        assert tool.annotations.read_only_hint and tool.annotations.open_world_hint is False
        assert tool.title and tool.description
        for schema in (tool.input_schema, tool.output_schema):
            jsonschema.Draft202012Validator.check_schema(schema)
            assert schema["type"] == "object"


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_what_is_searched_is_fetched_and_asked(server, lighthouse, mode):
    async def work(client):
        # The schemas are listed, so the client holds each result to its tool's.
        await client.list_tools()
        stores = (await given(client, "list_stores"))["stores"]
        names = {store["name"]: store["id"] for store in stores}
        assert names["mcp lighthouse"] == lighthouse.stores["lighthouse"]

        everywhere = await given(client, "search", query=WHO, max_results=50)
        assert any(result["title"] == "keepers.txt" for result in everywhere["results"])
        found = await given(client, "search", query=WHO, store="mcp lighthouse")
        assert 1 <= len(found["results"]) <= 10
        best = found["results"][0]
        assert set(best) == {"id", "title", "url", "text"} and best["title"] == "keepers.txt"
        assert "Ida Thorvald" in best["text"]
        assert best["url"].startswith(f"{server.url}/console/documents/{lighthouse.stores['lighthouse']}?")
        read = await given(client, "fetch", id=best["id"])
        assert set(read) == {"id", "title", "text", "url", "metadata"} and read["id"] == best["id"]
        assert read["text"].strip() == KEEPER.strip()
        assert read["metadata"]["file_id"] == lighthouse.files["keepers.txt"]

        paged = await given(client, "search", query="default isolation level", store="mcp manuals", max_results=3)
        assert len(paged["results"]) == 3
        assert all(f"{lighthouse.pdf}, page " in result["title"] for result in paged["results"])
        pdf = await given(client, "fetch", id=paged["results"][0]["id"])
        assert paged["results"][0]["text"].splitlines()[-1] in pdf["text"]

        answer = await given(client, "ask", question=WHO, stores=["mcp lighthouse"])
        assert answer["answered"] and "[1]" in answer["answer"], answer
        assert answer["citations"][0]["title"] == "keepers.txt" and answer["citations"][0]["quote"] in KEEPER
        unknown = "How long should a sourdough loaf stay in the oven?"
        answer = await given(client, "ask", question=unknown, stores=list(lighthouse.stores.values()))
        assert not answer["answered"] and answer["reason"] and answer["citations"] == []
        assert 1 <= len(answer["nearest"]) <= 3

    talk(server, mode, work)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_files_are_resources(server, lighthouse, mode):
    async def work(client):
        uri = f"cairn://files/{lighthouse.files['keepers.txt']}"
        cursor, seen = None, {}
        while True:
            page = await client.list_resources(cursor=cursor)
            seen.update({resource.uri: resource.name for resource in page.resources})
            if (cursor := page.next_cursor) is None:
                break
        assert seen[uri] == "keepers.txt"
        templates = (await client.list_resource_templates()).resource_templates
        assert [template.uri_template for template in templates] == ["cairn://files/{file_id}"]
        [content] = (await client.read_resource(uri)).contents
        assert content.text.strip() == KEEPER.strip() and content.mime_type == "text/plain"
        with pytest.raises(MCPError) as missing:
            await client.read_resource("cairn://files/file-none")
        assert missing.value.error.code == (-32002 if mode == "legacy" else -32602)

    talk(server, mode, work)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_failures_say_what_to_do(server, lighthouse, mode):
    async def work(client):
        assert "list_stores" in await refusal(client, "search", query=WHO, store="nowhere")
        assert "between 1 and 50" in await refusal(client, "search", query=WHO, max_results=99)
        assert "limit" in await refusal(client, "search", query=WHO, limit=3)
        assert "search gave" in await refusal(client, "fetch", id="file-none")
        assert "question" in await refusal(client, "ask")
        with pytest.raises(MCPError) as unknown:
            await client.call_tool("delete_all", {})
        assert unknown.value.error.code == mcp.types.INVALID_PARAMS
        with pytest.raises(MCPError) as absent:
            await client.list_prompts()
        assert absent.value.error.code == mcp.types.METHOD_NOT_FOUND

    talk(server, mode, work)


def test_a_key_of_another_tenant_sees_nothing_of_it(server, lighthouse):
    body = {"tenant": "mcp-strangers", "role": "editor", "name": "stranger"}
    key = server.call("POST", "/cairn/v1/keys", json=body).json()["key"]

    async def work(client):
        assert "no vector store" in await refusal(client, "search", query=WHO)
        assert "was not found" in await refusal(client, "fetch", id=lighthouse.files["keepers.txt"])
        assert "was not found" in await refusal(client, "ask", question=WHO, stores=["mcp lighthouse"])
        assert (await given(client, "list_stores"))["stores"] == []
        assert (await client.list_resources()).resources == []

    talk(server, "auto", work, key=key)


def leaves(fault: BaseException) -> list[BaseException]:
    """The exceptions in a group of them, or the one that is none."""
    parts = getattr(fault, "exceptions", None)
    return [fault] if parts is None else [leaf for part in parts for leaf in leaves(part)]


@pytest.mark.parametrize("mode", ["legacy", "auto"])
@pytest.mark.parametrize(("how", "code"), [({"key": "wrong"}, 401), ({"origin": "http://evil.example"}, 403)])
def test_who_may_not_come_in_is_told_so(server, mode, how, code):
    with pytest.raises(Exception) as refused:
        talk(server, mode, lambda client: client.list_tools(), **how)
    codes = [fault.error.code for fault in leaves(refused.value) if isinstance(fault, MCPError)]
    assert codes == [code], refused.value


def test_only_posts_are_taken_and_a_missing_key_is_challenged(server):
    for method in ("GET", "DELETE"):
        assert server.call(method, "/mcp", expect=405).headers["allow"] == "POST"
    answer = server.call("POST", "/mcp", expect=401, json={}, headers={"authorization": ""})
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["error"]["code"] == 401
