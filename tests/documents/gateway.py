"""Opens a connection file with FreeRDP, on a screen that nobody sees. Its gateway is asked over TLS, so that a proxy
stands before the station; the file is changed to name it, and nothing else in it. Prints what FreeRDP says."""

import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

path, transport = sys.argv[1:]
place = tempfile.mkdtemp(dir=os.path.dirname(path))


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    try:
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve(listener, context, station):
    while True:
        plain, _ = listener.accept()
        try:
            client = context.wrap_socket(plain, server_side=True)
        except OSError:
            continue
        server = socket.create_connection(station)
        for ends in ((client, server), (server, client)):
            threading.Thread(target=pump, args=ends, daemon=True).start()


def certificate():
    key, made = os.path.join(place, "key.pem"), os.path.join(place, "certificate.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=gateway"]
    subprocess.run([*command, "-keyout", key, "-out", made], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    return context


with open(path, encoding="utf-16") as file:
    text = file.read()
name = "gatewayhostname:s:"
station = next(line[len(name) :] for line in text.splitlines() if line.startswith(name))
host, port = station.rsplit(":", 1)
listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=serve, args=(listener, certificate(), (host, int(port))), daemon=True).start()
proxied = os.path.join(place, "proxied.rdp")
with open(proxied, "w", encoding="utf-16", newline="") as file:
    file.write(text.replace(name + station, name + "127.0.0.1:%d" % listener.getsockname()[1]))

reading, writing = os.pipe()
screen = subprocess.Popen(
    ["Xvfb", "-displayfd", str(writing), "-nolisten", "tcp"], pass_fds=[writing], stderr=subprocess.DEVNULL
)
os.close(writing)
try:
    display = ":" + os.fdopen(reading).readline().strip()
    command = ["xfreerdp", proxied, "/cert:ignore", "/p:Winter-2024", "/gt:" + transport]
    ran = subprocess.run(
        command, env=os.environ | {"DISPLAY": display}, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
    )
    print(ran.returncode, ran.stdout, ran.stderr)
finally:
    screen.terminate()
    screen.wait()
