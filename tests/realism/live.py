"""Lets validators believe that they talk to the vendors, within a network namespace of their own: a name
server that knows every name, and a TLS server that hands each vendor's requests to the station.

Usage: live.py DIRECTORY. Reads DIRECTORY/live.json:
{"station": [command...], "scans": [{"name": .., "command": [..], "status": [codes]}], "hosts": {"api.vendor": "host of the bait"}}
"""

import asyncio
import datetime
import json
import os
import pathlib
import ssl
import subprocess
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DIRECTORY = pathlib.Path(sys.argv[1])
PLAN = json.loads((DIRECTORY / "live.json").read_text())
LOOPBACK = bytes([127, 0, 0, 1])


class Names(asyncio.DatagramProtocol):
    """Answers every question for an address with 127.0.0.1, every other one with nothing."""

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, peer):
        end = data.index(b"\0", 12) + 5
        question, kind = data[12:end], data[end - 4 : end - 2]
        found = kind == b"\0\x01"
        head = data[:2] + b"\x81\x80\0\x01" + (b"\0\x01" if found else b"\0\0") + b"\0\0\0\0"
        answer = b"\xc0\x0c\0\x01\0\x01\0\0\0\x1e\0\x04" + LOOPBACK if found else b""
        self.transport.sendto(head + question + answer, peer)


class Authority:
    """A certificate authority of the test's own."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        builder = self.builder(self.name, self.key).add_extension(constraints, critical=True)
        self.certificate = builder.sign(self.key, hashes.SHA256())
        self.contexts = {}

    def builder(self, name, key):
        now = datetime.datetime.now(datetime.timezone.utc)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
        )

    def write(self, path):
        pem = self.certificate.public_bytes(serialization.Encoding.PEM)
        path.write_bytes(pem)

    def context(self, host):
        if host in self.contexts:
            return self.contexts[host]
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
        alternative = x509.SubjectAlternativeName([x509.DNSName(host)])
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        builder = self.builder(name, key).add_extension(alternative, critical=False)
        certificate = builder.add_extension(usage, critical=False).sign(self.key, hashes.SHA256())
        path = DIRECTORY / "leaf.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        context.set_alpn_protocols(["http/1.1"])
        self.contexts[host] = context
        return context


def bait_of(host):
    """The bait's host for a vendor's, which may be any name below a domain."""
    hosts = PLAN["hosts"]
    return hosts.get(host) or hosts.get("*." + host.partition(".")[2]) or host


async def head_of(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    return head.decode("latin-1").split("\r\n")


async def serve(reader, writer, station):
    """One connection: each request goes to the station under the bait's host name."""
    asked = ""
    try:
        lines = await head_of(reader)
        length, out = 0, [lines[0]]
        for name, _, value in (line.partition(":") for line in lines[1:] if line):
            if name.lower() == "content-length":
                length = int(value)
            if name.lower() == "host":
                asked = value.strip().split(":")[0]
                value = " " + bait_of(asked)
            if name.lower() != "connection":
                out.append(f"{name}:{value}")
        out.append("Connection: close")
        body = await reader.readexactly(length)
        up, down = await asyncio.open_connection(*station)
        down.write("\r\n".join(out).encode("latin-1") + b"\r\n\r\n" + body)
        answer = await up.read()
        down.close()
        with (DIRECTORY / "asked.log").open("a") as log:
            log.write(f"{asked} {lines[0]} -> {answer[9:12].decode('latin-1')}\n")
        writer.write(answer)
        await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
        pass
    finally:
        writer.close()


async def run(command, **more):
    process = await asyncio.create_subprocess_exec(*command, **more)
    return await asyncio.wait_for(process.wait(), 540)


async def main():
    authority = Authority()
    bundle = DIRECTORY / "authority.pem"
    authority.write(bundle)
    station = subprocess.Popen(PLAN["station"], stdout=subprocess.PIPE, text=True)
    ready = json.loads(station.stdout.readline())
    host, _, port = ready["http"][0].rpartition(":")
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(Names, local_addr=("127.0.0.1", 53))
    base = authority.context("localhost")

    def choose(connection, name, _):
        connection.context = authority.context(name or "localhost")

    base.sni_callback = choose
    handler = lambda reader, writer: serve(reader, writer, (host, int(port)))
    await asyncio.start_server(handler, "127.0.0.1", 443, ssl=base)
    environment = dict(os.environ, SSL_CERT_FILE=str(bundle))
    try:
        for scan in PLAN["scans"]:
            code = await run(scan["command"], env=environment)
            assert code in scan["status"], f"{scan['name']} ended with {code}"
    finally:
        station.terminate()
        station.wait(20)


asyncio.run(main())
