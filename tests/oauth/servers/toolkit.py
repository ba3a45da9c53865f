"""django-oauth-toolkit as a token endpoint, and an API that takes its tokens: toolkit.py CERTIFICATE KEY

GET /api answers 200 to a token that is valid, and 401 to any other; GET /api/revoke makes it invalid afterwards.
"""

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import include, path
from wsgi import bind, serve

settings.configure(
    SECRET_KEY="only for tests",
    ALLOWED_HOSTS=["localhost"],
    ROOT_URLCONF=__name__,
    # It sets the content-length: without one an answer would end as the connection does, which may be cut.
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    OAUTH2_PROVIDER={"SCOPES": {"read": "", "write": ""}, "ACCESS_TOKEN_EXPIRE_SECONDS": 600},
)
django.setup()

from oauth2_provider.models import get_access_token_model, get_application_model  # noqa: E402


def api(request):
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    token = get_access_token_model().objects.filter(token=value).first()
    if kind != "Bearer" or token is None or not token.is_valid():
        return HttpResponse("no", status=401)
    if request.path == "/api/revoke":
        token.revoke()
    return HttpResponse(f"{token.application.client_id}: {token.scope}")


urlpatterns = [path("o/", include("oauth2_provider.urls")), path("api", api), path("api/revoke", api)]


call_command("migrate", verbosity=0)
application = get_application_model()
for name in ("in body", "by:basic"):
    application.objects.create(
        client_id=name,
        client_secret='se cret/+~:%&="',
        client_type=application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=application.GRANT_CLIENT_CREDENTIALS,
    )

serve(bind(get_wsgi_application()))
