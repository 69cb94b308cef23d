"""Calls the station with Slack's own package."""

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient

import steps

told = steps.scenario()


def client(keys):
    return WebClient(token=keys["token"], base_url=keys["beacon.url"], timeout=20)


def me(made):
    answer = made.auth_test()
    return {name: answer[name] for name in ("ok", "team_id", "user_id", "is_enterprise_install")} | {"bot": "bot_id" in answer}


def said():
    answer = bot.chat_postMessage(channel="#general", text=told["text"])
    return {"ok": answer["ok"], "text": answer["message"]["text"], "channel": answer["channel"], "same": answer["ts"] == answer["message"]["ts"]}


def history():
    return [message["text"] for message in bot.conversations_history(channel=told["bot"]["channel"])["messages"]]


def hook(keys):
    answer = WebhookClient(keys["beacon.url"], timeout=20).send(text=told["text"])
    return [answer.status_code, answer.body]


def explain(error):
    return {"said": error.response["error"] if isinstance(error, SlackApiError) else str(error)}


bot = client(told["bot"])

steps.run(
    {
        "stranger": lambda: me(client(told["stranger"])),
        "bot": lambda: me(bot),
        "user": lambda: me(client(told["user"])),
        "channels": lambda: [channel["id"] for channel in bot.conversations_list()["channels"]],
        "said": said,
        "history": history,
        "beyond": lambda: bot.admin_users_list(team_id="T1")["ok"],
        "hook": lambda: hook(told["hook"]),
        "strange hook": lambda: hook(told["strange hook"]),
        "retired": lambda: me(client(told["retired"])),
    },
    explain,
)
