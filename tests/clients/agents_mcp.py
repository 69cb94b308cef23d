"""Talks to the tool server of an `.mcp.json` entry as an assistant does, with the protocol's own client."""

import warnings

import anyio
import httpx2
from mcp import Client, MCPDeprecationWarning
from mcp.client.streamable_http import streamable_http_client

import steps

told = steps.scenario()


def explain(error):
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return {"error": type(error).__name__, "message": str(error)}


def session(work, entry, token=None, mode="auto"):
    """Connects with the entry's own header, or another token, and does `work`."""
    authorization = entry["authorization"] if token is None else "Bearer " + token

    async def connect():
        async with httpx2.AsyncClient(headers={"Authorization": authorization}, timeout=20) as http:
            # The client tries the newest protocol first and falls back to the handshake.
            async with Client(streamable_http_client(entry["beacon.url"], http_client=http), mode=mode) as client:
                return await work(client)

    return anyio.run(connect)


async def list_all(client):
    listed = await client.list_tools()
    resources = await client.list_resources()
    templates = await client.list_resource_templates()
    prompts = await client.list_prompts()
    return {
        "server": client.server_info.name,
        "tools": [tool.name for tool in listed.tools],
        "others": len(resources.resources) + len(templates.resource_templates) + len(prompts.prompts),
    }


async def ping(client):
    # The method is old, which the client says of itself.
    warnings.simplefilter("ignore", MCPDeprecationWarning)
    return (await client.send_ping()).model_dump(exclude_none=True)


def call(name, arguments):
    async def work(client):
        await client.list_tools()
        result = await client.call_tool(name, arguments)
        return [result.is_error, result.content[0].text]

    return work


good = told["good"]
CALLS = {
    "list": lambda: session(list_all, good),
    "ping": lambda: session(ping, good, mode="legacy"),
    "search": lambda: session(call("search_customers", {"query": 'Ada "the" Lee', "limit": 5}), good),
    "report": lambda: session(call("run_report", {"sql": "SELECT * FROM users"}), good),
    "sms": lambda: session(
        call("send_sms", {"recipients": ["+12025550142", "+12025550143"], "text": "hello", "sender": "Bank"}), good
    ),
    "unknown tool": lambda: session(call("drop_everything", {"force": True}), good),
    "wrong token": lambda: session(list_all, good, token="0" * 64),
    "retired": lambda: session(list_all, told["retired"]),
    "stranger": lambda: session(list_all, told["stranger"]),
}
steps.run(CALLS, explain)
