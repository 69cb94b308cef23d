"""Binds over SMPP with smpplib and submits what it is told; prints what came of it as JSON."""

import json
import sys

import smpplib.client
import smpplib.consts
import smpplib.exceptions
import smpplib.gsm

port, system_id, password, what = sys.argv[1:5]
said = []
client = smpplib.client.Client("127.0.0.1", int(port), timeout=20, allow_unknown_opt_params=True)
client.set_message_sent_handler(lambda pdu: said.append(pdu.message_id.decode()))
client.connect()
try:
    client.bind_transceiver(system_id=system_id, password=password)
except smpplib.exceptions.PDUError as error:
    print(json.dumps({"refused": error.args[1]}))
    sys.exit()
if what == "texts":
    for number, text in [("15550101", "Your code is {1}"), ("15550102", "Привет")]:
        parts, coding, message_type = smpplib.gsm.make_parts(text)
        client.send_message(
            source_addr_ton=smpplib.consts.SMPP_TON_ALNUM, source_addr="BANK",
            dest_addr_ton=smpplib.consts.SMPP_TON_INTL, destination_addr=number,
            short_message=parts[0], data_coding=coding, esm_class=message_type,
            registered_delivery=True,
        )
        client.read_once()
client.unbind()
client.disconnect()
print(json.dumps({"sent": said}))
