"""Logs in over AMQP with pika, declares, publishes and gets; prints what came of it as JSON."""

import json
import sys

import pika

port, user, password = sys.argv[1:4]
parameters = pika.ConnectionParameters(
    "127.0.0.1", int(port), "orders", pika.PlainCredentials(user, password),
    client_properties={"connection_name": "worker-3"}, socket_timeout=30, blocked_connection_timeout=60,
    connection_attempts=1,
)
try:
    connection = pika.BlockingConnection(parameters)
except pika.exceptions.ProbableAuthenticationError as error:
    print(json.dumps({"refused": str(error)}))
    sys.exit()
channel = connection.channel()
queue = channel.queue_declare(queue="sms.out", durable=True).method.queue
own = channel.queue_declare(queue="").method.queue
channel.confirm_delivery()
channel.basic_publish("", "sms.out", b'{"to": "15550100"}', pika.BasicProperties(delivery_mode=2))
channel.basic_publish("events", "big", b"x" * 200_000)
_, _, body = channel.basic_get("sms.out")
connection.close()
print(json.dumps({"queue": queue, "own": own.startswith("amq.gen-"), "got": body}))
