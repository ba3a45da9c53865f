"""Authlib as a token endpoint for signed assertions, and an API that takes its tokens: authlib-server.py CERTIFICATE KEY

The issuers "rsa" and "p256" have the public keys of the directory that PUBLIC_KEYS names. GET /api answers 200 to a token that is
valid, and 401 to any other; GET /api/revoke makes it invalid afterwards. POST /flipped is POST /token with one bit of the
assertion's signature flipped before it is looked at. GET /signed/ALG answers 200 to a bearer that joserfc verifies with the key of that
algorithm, and 401 to any other; /signed/ALG/flipped flips one bit of it before.
"""

import base64
import os
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, QueryDict
from django.urls import path
from wsgi import bind, serve

settings.configure(
    SECRET_KEY="only for tests",
    ALLOWED_HOSTS=["localhost"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    AUTHLIB_OAUTH2_PROVIDER={"scopes_supported": ["read", "write"]},
)
django.setup()

from authlib.integrations.django_oauth2 import AuthorizationServer  # noqa: E402
from authlib.oauth2.rfc6749 import ClientMixin  # noqa: E402
from authlib.oauth2.rfc7523 import JWTBearerGrant  # noqa: E402
from joserfc import jwt  # noqa: E402
from joserfc.errors import JoseError  # noqa: E402
from joserfc.jwk import ECKey, RSAKey  # noqa: E402

keys = os.environ["PUBLIC_KEYS"]
public = {
    "rsa": RSAKey.import_key(Path(keys, "rsa-public.pem").read_text()),
    "p256": ECKey.import_key(Path(keys, "p256-public.pem").read_text()),
}
tokens = {}


class Issuer(ClientMixin):
    def __init__(self, name):
        self.name = name

    def get_client_id(self):
        return self.name

    def get_allowed_scope(self, scope):
        return " ".join(part for part in (scope or "").split() if part in ("read", "write"))

    def check_grant_type(self, grant_type):
        return grant_type == JWTBearerGrant.GRANT_TYPE


class Grant(JWTBearerGrant):
    CLAIMS_OPTIONS = JWTBearerGrant.CLAIMS_OPTIONS | {"iat": {"essential": True}, "jti": {"essential": True}}
    LEEWAY = 0

    def resolve_issuer_client(self, issuer):
        return Issuer(issuer) if issuer in public else None

    def resolve_client_public_key(self, client):
        return public[client.name]

    def authenticate_user(self, subject):
        return subject if subject == "user" else None

    def has_granted_permission(self, client, user):
        return True

    def get_audiences(self):
        return [f"https://localhost:{server.server_port}/token"]


class Server(AuthorizationServer):
    def __init__(self):
        super().__init__(Issuer, None)

    def query_client(self, client_id):
        return None

    def save_token(self, token, request):
        tokens[token["access_token"]] = f"{request.client.name}: {token.get('scope', '')}"


authorization = Server()
authorization.register_grant(Grant)


def token(request):
    return authorization.create_token_response(request)


def flip(token):
    signed, _, signature = token.rpartition(".")
    octets = bytearray(base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4)))
    octets[len(octets) // 2] ^= 1
    return signed + "." + base64.urlsafe_b64encode(octets).decode().rstrip("=")


def flipped(request):
    form = dict(parse_qsl(request.body.decode()))
    form["assertion"] = flip(form["assertion"])
    request._post = QueryDict(urlencode(form))
    return token(request)


def signed(request, alg, change=lambda token: token):
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    claims = jwt.JWTClaimsRegistry(
        leeway=0,
        iss={"essential": True, "value": "robot"},
        aud={"essential": True, "value": "api"},
        iat={"essential": True},
        exp={"essential": True},
    )
    try:
        token = jwt.decode(change(value), public["p256" if alg == "ES256" else "rsa"], algorithms=[alg])
        claims.validate(token.claims)
    except JoseError:
        return HttpResponse("no", status=401)
    return HttpResponse(token.claims["sub"])


def signed_flipped(request, alg):
    return signed(request, alg, flip)


def api(request):
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind != "Bearer" or value not in tokens:
        return HttpResponse("no", status=401)
    said = tokens[value]
    if request.path == "/api/revoke":
        del tokens[value]
    return HttpResponse(said)


urlpatterns = [
    path("token", token),
    path("flipped", flipped),
    path("signed/<alg>", signed),
    path("signed/<alg>/flipped", signed_flipped),
    path("api", api),
    path("api/revoke", api),
]

server = bind(get_wsgi_application())
serve(server)
