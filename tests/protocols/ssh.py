"""What paramiko can do over SSH with a login; prints it as JSON.

Its own offer is kept from its side of the connection, and HASSH computed from that by the rules of its authors."""

import hashlib
import io
import json
import socket
import struct
import sys

import paramiko

port, user, password = sys.argv[1:4]


def hassh(offer):
    """MD5 over four of the ten lists of a KEXINIT."""
    lists, at = [], 17
    for _ in range(10):
        (length,) = struct.unpack(">I", offer[at : at + 4])
        lists.append(offer[at + 4 : at + 4 + length].decode())
        at += 4 + length
    return hashlib.md5(";".join(lists[i] for i in (0, 2, 4, 6)).encode()).hexdigest()


sent = []


class Transport(paramiko.Transport):
    """Keeps what it sends."""

    def _send_message(self, data):
        sent.append(data.asbytes())
        super()._send_message(data)


said = {}
transport = Transport(socket.create_connection(("127.0.0.1", int(port)), 20))
transport.start_client(timeout=60)
said["hassh"] = hassh(next(message for message in sent if message[0] == 20))
for wrong in ("wrongwrong", password + "x"):
    try:
        transport.auth_password(user, wrong)
        said["wrong"] = "accepted"
    except paramiko.AuthenticationException as error:
        said.setdefault("wrong", str(error))
transport.auth_password(user, password)

channel = transport.open_session()
channel.get_pty("vt100", 80, 24)
channel.invoke_shell()


def until(mark):
    text = ""
    while not text.endswith(mark):
        got = channel.recv(4096).decode()
        if not got:
            raise EOFError(text)
        text += got
    return text


channel.settimeout(60)
said["greeting"] = until("$ ")
channel.send(b"whoamx\x7fi\r")
said["typed"] = until("$ ")
channel.send(b"sudo -i\r")
until(": ")
for _ in range(2):
    channel.send(b"letmein\r")
    until(": ")
channel.send(b"letmein\r")
said["sudo"] = until("$ ")
channel.send(b"rm -rf \x03")
until("$ ")
channel.send(b"cd /etc\r")
said["prompt"] = until("$ ").splitlines()[-1]
channel.send(b"exit\r")
said["exit"] = channel.recv_exit_status()
channel.close()

sftp = paramiko.SFTPClient.from_transport(transport)
said["home"] = sftp.normalize(".")
said["files"] = sorted(sftp.listdir("."))
with sftp.open("/etc/hostname") as file:
    said["hostname"] = file.read().decode()
for name, act in {
    "put": lambda: sftp.putfo(io.BytesIO(b"MZ"), "/tmp/tool"),
    "remove": lambda: sftp.remove("todo.txt"),
    "missing": lambda: sftp.stat("/nowhere"),
}.items():
    try:
        act()
        said[name] = "done"
    except OSError as error:
        said[name] = error.strerror or str(error)

for name, ask in {
    "connect": lambda: transport.open_channel("direct-tcpip", ("192.0.2.9", 25), ("127.0.0.1", 9)),
    "listen": lambda: transport.request_port_forward("0.0.0.0", 8022),
}.items():
    try:
        ask()
        said[name] = "done"
    except paramiko.SSHException as error:
        said[name] = str(error)
transport.close()
print(json.dumps(said))
