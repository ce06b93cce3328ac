"""TLS in front of a server, as an operator has it: a certificate of its own, and octets handed on as they are."""
import os
import selectors
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading


class Terminator:
    """Listens on a free port of loopback. to(): where the octets go; may be said after clients know the port."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="tls-")
        self.certificate = os.path.join(self.folder, "cert.pem")
        key = os.path.join(self.folder, "key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", self.certificate],
                       check=True, capture_output=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.certificate, key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.address = None
        self.open = set()
        self.threads = []
        self.lock = threading.Lock()
        self.start(self.accept)

    def to(self, address):
        self.address = address

    def client_context(self):
        return ssl.create_default_context(cafile=self.certificate)

    def start(self, target, *arguments):
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def accept(self):
        while True:
            try:
                plain = self.listener.accept()[0]
            except OSError:
                return
            self.start(self.serve, plain)

    def serve(self, plain):
        try:
            inner = self.context.wrap_socket(plain, server_side=True)
            outer = socket.create_connection(self.address)
        except OSError:
            plain.close()
            return
        # One thread a connection: a TLS object is not for two at once.
        inner.setblocking(False)
        outer.setblocking(False)
        with self.lock:
            self.open |= {inner, outer}
        try:
            pump(inner, outer)
        except OSError:
            pass
        finally:
            with self.lock:
                self.open -= {inner, outer}
            inner.close()
            outer.close()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            for one in self.open:
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        for thread in self.threads:
            thread.join(10)
        shutil.rmtree(self.folder)


def pump(inner, outer):
    """Hands octets on in both directions until either side ends."""
    with selectors.DefaultSelector() as selector:
        selector.register(inner, selectors.EVENT_READ, outer)
        selector.register(outer, selectors.EVENT_READ, inner)
        while True:
            for key, _ in selector.select():
                if not hand_on(key.fileobj, key.data):
                    return


def hand_on(source, sink):
    """What is there to read. False at the end."""
    while True:
        try:
            octets = source.recv(65536)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        if not octets:
            return False
        sink.setblocking(True)
        sink.sendall(octets)
        sink.setblocking(False)
