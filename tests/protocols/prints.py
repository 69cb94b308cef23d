"""Prints JA3 and JA4 of a ClientHello (hex of its records, one a line on standard input), as others compute them."""

import sys

from clienthello_probe.parser import parse_client_hello
from ja4plus.fingerprinters.ja4 import generate_ja4
from ja4plus.utils.tls_utils import parse_tls_handshake

for line in sys.stdin:
    sent = bytes.fromhex(line.strip())
    print(parse_client_hello(sent)["ja3"]["md5"], generate_ja4(parse_tls_handshake(sent)))
