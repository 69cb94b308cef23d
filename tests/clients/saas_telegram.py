"""Calls the station with python-telegram-bot."""

import asyncio

from telegram import Bot

import steps

told = steps.scenario()


async def ask(keys, call):
    async with Bot(keys["token"], base_url=keys["beacon.url"] + "/bot") as bot:
        return await call(bot)


def asked(keys, call):
    return asyncio.run(ask(keys, call))


async def me(bot):
    user = await bot.get_me()
    return {"id": str(user.id), "bot": user.is_bot, "name": user.username}


async def send(bot):
    return (await bot.send_message(chat_id=told["chat"], text=told["text"])).message_id


async def updates(bot):
    return list(await bot.get_updates())


good = told["good"]

steps.run(
    {
        "stranger": lambda: asked(told["stranger"], me),
        "me": lambda: asked(good, me),
        "updates": lambda: asked(good, updates),
        "send": lambda: asked(good, send),
        "retired": lambda: asked(told["retired"], me),
    },
    lambda error: {"said": str(error)},
)
