"""Signed requests, made by botocore: an oracle that shares nothing with src/sigv4.c. Prints sigv4_vectors.h.

Usage: sigv4.py >sigv4_vectors.h (python3-botocore). What it prints is the same with every version, for headers that are not
signed are left out.
"""
import datetime

import botocore.auth
import botocore.session
from botocore.awsrequest import AWSRequest
from botocore.compat import urlsplit
from botocore.credentials import Credentials

KEY, SECRET, TOKEN = 'AKIDEXAMPLE', 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', 'IQoJb3JpZ2lu+tok/en=='
NOW = datetime.datetime(2015, 8, 30, 12, 36, 0)
HOST = 'https://abc123.execute-api.us-east-1.amazonaws.com'


class Clock(datetime.datetime):
    @classmethod
    def utcnow(cls):
        return NOW

    @classmethod
    def now(cls, tz=None):
        return NOW.replace(tzinfo=tz)


class Stop(Exception):
    """A request was signed; it does not leave."""


def freeze():
    botocore.auth.datetime = type('module', (), {'datetime': Clock, 'timedelta': datetime.timedelta})
    if hasattr(botocore.auth, 'get_current_datetime'):
        botocore.auth.get_current_datetime = lambda *_, **__: NOW


def text(method, url, headers, body):
    """The wire, in the form of tests/support/http_text.h."""
    parts = urlsplit(url)
    signed = ''.join(str(value) for name, value in headers if name == 'Authorization')
    kept = [(name, value) for name, value in headers
            if name == 'Authorization' or name.lower() in signed.replace('SignedHeaders=', ';').replace(',', ';').split(';')]
    if not any(name.lower() == 'host' for name, _ in kept):
        kept.insert(0, ('Host', parts.netloc))
    target = (parts.path or '/') + ('?' + parts.query if parts.query else '')
    return '%s %s\n%s\n%s' % (method, target, ''.join('%s: %s\n' % pair for pair in kept), body)


def pairs(headers):
    return [(name, value.decode() if isinstance(value, bytes) else value) for name, value in headers.items()]


def signed(method, url, headers=(), body='', token=None, auth=botocore.auth.SigV4Auth, **options):
    request = AWSRequest(method=method, url=url, data=body.encode() or None)
    for name, value in headers:
        request.headers[name] = value
    auth(Credentials(KEY, SECRET, token), 'execute-api', 'us-east-1', **options).add_auth(request)
    return text(method, request.url, pairs(request.headers), body)


def presigned(method, url, token=None, **options):
    return signed(method, url, token=token, auth=botocore.auth.SigV4QueryAuth, **options)


def endless(method, url):
    """Presigned without X-Amz-Expires, as some libraries for browsers do."""
    class Endless(botocore.auth.SigV4QueryAuth):
        def canonical_request(self, request):
            request.url = request.url.replace('&X-Amz-Expires=3600', '')
            return super().canonical_request(request)

    return signed(method, url, auth=Endless)


def long_secret(size):
    request = AWSRequest(method='GET', url='http://a/')
    botocore.auth.SigV4Auth(Credentials(KEY, 's' * size), 'execute-api', 'us-east-1').add_auth(request)
    return request.headers['Authorization'].rpartition('Signature=')[2]


def called(operation, endpoint, token=None, **arguments):
    """What an unmodified client puts on the wire."""
    session = botocore.session.Session()
    session.set_credentials(KEY, SECRET, token)
    client = session.create_client('apigatewaymanagementapi', region_name='us-east-1', endpoint_url=endpoint)
    seen = []

    def stop(request, **_):
        seen.append(request)
        raise Stop

    client.meta.events.register('before-send', stop)
    try:
        getattr(client, operation)(**arguments)
    except Stop:
        pass
    body = seen[0].body or b''
    return text(seen[0].method, seen[0].url, pairs(seen[0].headers), body.decode())


def vectors():
    """(name, has a token, is good, request)"""
    cid, token = 'JC1dgf9yoAMCK-g=', TOKEN
    yield 'client posts', 0, 1, called('post_to_connection', HOST + '/test', ConnectionId=cid, Data=b'{"a":1}')
    yield 'client posts with a token', 1, 1, called('post_to_connection', HOST + '/test', token, ConnectionId=cid, Data=b'hi')
    yield 'client gets', 0, 1, called('get_connection', HOST + '/test', ConnectionId=cid)
    yield 'client deletes', 0, 1, called('delete_connection', 'http://localhost:8080/test/', ConnectionId=cid)
    yield 'client without a stage', 0, 1, called('get_connection', HOST, ConnectionId='a-_4567890123456=')
    yield 'stage with odd characters', 0, 1, called('get_connection', HOST + "/a$b!c*d'e(f)", ConnectionId=cid)
    yield 'path sent bare', 0, 1, signed('POST', HOST + '/test/@connections/x=', body='hi')
    yield 'path sent encoded', 0, 1, signed('POST', HOST + '/test/%40connections/x%3D', body='hi')
    yield 'path in lower escapes', 0, 1, signed('POST', HOST + '/test/%40connections/x%3d', body='hi')
    yield 'trailing slash', 0, 1, signed('GET', HOST + '/test/')
    yield 'no path', 0, 1, signed('GET', HOST + '/')
    yield 'query', 0, 1, signed('GET', HOST + '/prod?b=2&a=1&b=1&empty=&name')
    yield 'query with escapes', 0, 1, signed('GET', HOST + '/prod?q=a%20b%2Bc%26d&%C3%A9=%E2%82%AC')
    yield 'query with a plus', 0, 1, signed('GET', HOST + '/prod?q=a+b')
    yield 'odd spaces in a header', 0, 1, signed('GET', HOST + '/', [('X-Odd', '  a   b  c ')])
    yield 'a header twice', 0, 1, signed('GET', HOST + '/', [('X-Twice', 'b'), ('X-Twice', 'a')])
    yield 'date as HTTP writes it', 0, 1, signed('GET', HOST + '/', [('Date', '')])
    yield 'host with a port', 0, 1, signed('GET', 'https://localhost:8443/prod')
    yield 'presigned', 0, 1, presigned('GET', HOST + '/prod', expires=300)
    yield 'presigned for an hour', 0, 1, presigned('GET', HOST + '/prod', expires=3600)
    yield 'presigned without an end', 0, 1, endless('GET', HOST + '/prod')
    yield 'presigned with a token', 1, 1, presigned('GET', HOST + '/prod?room=a%20b', TOKEN, expires=300)
    yield 'token behind the signature', 1, 1, (presigned('GET', HOST + '/prod?room=1', expires=300).replace(
        '\n', '&X-Amz-Security-Token=' + TOKEN.replace('+', '%2B').replace('/', '%2F').replace('=', '%3D') + '\n', 1))
    yield 'path encoded once', 0, 0, signed('POST', HOST + '/test/@connections/x%3D', body='hi',
                                            auth=botocore.auth.S3SigV4Auth)
    yield 'path normalised by the client', 0, 0, signed('GET', HOST + '//test/../prod')


def quoted(value):
    lines = value.split('\n')
    parts = [line + '\n' for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
    return '\n     '.join('"%s"' % part.replace('\\', '\\\\').replace('"', '\\"').replace('\n', '\\n') for part in parts)


if __name__ == '__main__':
    freeze()
    print('/* Made by sigv4.py. */\n/* clang-format off */')
    print('#define VECTOR_TOKEN "%s"' % TOKEN)
    print('static const struct {\n    const char *name;\n    bool token, good;\n    const char *request;\n} vectors[] = {')
    for name, token, good, request in vectors():
        print('    {"%s", %s, %s,\n     %s},' % (name, *('true' if flag else 'false' for flag in (token, good)), quoted(request)))
    sizes = (1, 59, 60, 61, 200)
    print('};\n/* Of "GET /" to host "a", by secrets of so many times \'s\'. */')
    print('#define LONG_SECRET_SIZES      {%s}' % ', '.join(map(str, sizes)))
    print('#define LONG_SECRET_SIGNATURES {%s}' % ', '.join('"%s"' % long_secret(size) for size in sizes))
    print('/* clang-format on */')
