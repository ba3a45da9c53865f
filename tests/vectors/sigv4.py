#!/usr/bin/env python3
"""Makes sigv4.json: requests and the signatures that others make for them.

    sigv4.py AWS-C-AUTH > sigv4.json          the vectors of the tests
    sigv4.py --generated=COUNT > FILE         so many requests of botocore, and no suite

"suite" is AWS's signing test suite (a checkout of github.com/awslabs/aws-c-auth, tests/aws-signing-test-suite/v4), the header
form and the query form, in the form that requests have here: the path and query as they are sent. Left out are cases whose request
is signed otherwise than the library does it: with every header of the request, with dots or empty segments that the signer resolves,
with a path that is encoded for the first time when it is signed, with a token that is added afterwards.

"botocore" are generated requests, signed by botocore (PyPI) with the same key, in the header or, with a "lifetime", in the query.
botocore's query form keeps one parameter of each name and moves a body into the query, so those requests have neither.
"""

import datetime
import json
import os
import random
import sys
from urllib.parse import quote

import botocore
import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEY_ID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
MOMENT = datetime.datetime(2015, 8, 30, 12, 36, 0, tzinfo=datetime.timezone.utc)
SIGNED = ("content-type", "content-md5", "x-amz-")


def suite(checkout):
    top = os.path.join(checkout, "tests/aws-signing-test-suite/v4")
    for name in sorted(os.listdir(top)):
        read = lambda file: open(os.path.join(top, name, file), encoding="utf-8").read()
        context = json.loads(read("context.json"))
        head, _, body = read("request.txt").partition("\n\n")
        line, *lines = head.split("\n")
        method, target = line.split(" ", 1)
        target = target.rsplit(" HTTP/", 1)[0]
        headers = [field.split(":", 1) for field in lines if field.strip()]
        path, _, query = target.partition("?")
        foreign = any(not h[0].lower().startswith(SIGNED) and h[0].lower() != "host" for h in headers)
        resolved = "//" in path or any(part in (".", "..") for part in path.split("/"))
        if foreign or resolved and context["normalize"] or quote(path, safe="/-._~") != path or context.get("omit_session_token"):
            continue
        canonical = read("header-canonical-request.txt")
        headers = [h for h in headers if h[0].lower() != "host"]
        if "x-amz-content-sha256:" in canonical:
            headers.append(["x-amz-content-sha256", canonical.rsplit("\n", 1)[1]])
        yield {
            "name": name,
            "method": method,
            "url": "https://example.amazonaws.com" + path + ("?" + quote(query, safe="&=%-._~") if query else ""),
            "headers": headers,
            "body": body,
            "token": context["credentials"].get("token"),
            "region": context["region"],
            "service": context["service"],
            "canonical": canonical,
            "signature": read("header-signature.txt"),
            "lifetime": context["expiration_in_seconds"],
            "query_canonical": read("query-canonical-request.txt"),
            "query_signature": read("query-signature.txt"),
        }


class S3(botocore.auth.S3SigV4Auth):
    def _should_sha256_sign_payload(self, request):
        return not request.context["unsigned"]


def encoded(pairs):
    return "&".join(quote(name, safe="-._~") + "=" + quote(value, safe="-._~") for name, value in pairs)


def generated(count):
    pick = random.Random(20150830)
    letters = "abcXYZ019-._~"
    odd = letters + " !$&'()*+,;=:@/?#%äß€\U0001f600\"<>[]{}|^`\\"
    text = lambda some, most: "".join(pick.choice(some) for _ in range(pick.randint(1, most)))
    left = count
    while left:
        service = pick.choice(["s3", "s3", "ses", "execute-api", "bedrock", "es"])
        segments = [quote(text(odd.replace("/", "").replace("\\", ""), 8), safe="") for _ in range(pick.randint(0, 4))]
        if service != "s3" and segments and pick.random() < 0.3:
            segments[-1] = text(letters + "!$&'()*,;=:@", 8)
        if any(segment in (".", "..") for segment in segments):
            continue
        pairs = [(text(odd, 6), text(odd, 8) if pick.random() < 0.8 else "") for _ in range(pick.randint(0, 5))]
        query = encoded(pairs)
        url = "https://" + pick.choice(["a.example", "b.example:8443"]) + "/" + "/".join(segments) + ("?" + query if query else "")
        headers = []
        if pick.random() < 0.6:
            headers.append(["content-type", pick.choice(["application/json", "text/plain;  charset=utf-8", " a/b "])])
        if pick.random() < 0.2:
            headers.append(["content-md5", "rL0Y20zC+Fzt72VPzMSk2A=="])
        for name in pick.sample(["x-amz-target", "x-amz-meta-b", "x-amz-meta-a", "x-amz-acl"], pick.randint(0, 3)):
            headers.append([name, text(letters + "  :,", 12).strip() or "x"])
        lifetime = pick.choice([1, 300, 3600, 604800]) if pick.random() < 0.4 else None
        if lifetime:
            pairs = list(dict(pairs).items())
            url = url.partition("?")[0] + ("?" + encoded(pairs) if pairs else "")
        body = text(odd, 40) if lifetime is None and pick.random() < 0.5 else ""
        token = text(letters + "+/=", 40) if pick.random() < 0.4 else None
        region = pick.choice(["us-east-1", "eu-central-1"])
        request = AWSRequest(pick.choice(["GET", "PUT", "POST", "DELETE"]), url, data=body.encode())
        for name, value in headers:
            request.headers[name] = value
        request.context.update(unsigned=service == "s3" and (lifetime is not None or pick.random() < 0.3))
        key = Credentials(KEY_ID, SECRET, token)
        if lifetime is None:
            auth = S3 if service == "s3" else botocore.auth.SigV4Auth
            auth(key, service, region).add_auth(request)
        else:
            auth = botocore.auth.S3SigV4QueryAuth if service == "s3" else botocore.auth.SigV4QueryAuth
            auth(key, service, region, lifetime).add_auth(request)
        left -= 1
        yield {
            "method": request.method,
            "url": url,
            "headers": headers,
            "body": body,
            "token": token,
            "region": region,
            "service": service,
            "unsigned": request.context["unsigned"],
            "lifetime": lifetime,
            "authorization": request.headers["Authorization"],
            "signed_query": lifetime and request.url.partition("?")[2],
        }


botocore.auth.get_current_datetime = lambda *_, **__: MOMENT.replace(tzinfo=None)
rows = lambda cases: ",\n".join("    " + json.dumps(case, ensure_ascii=True) for case in cases)
option, _, count = sys.argv[1].partition("=")
cases = [] if option == "--generated" else suite(sys.argv[1])
print('{\n  "key_id": "%s",\n  "secret": "%s",\n  "time": %d,' % (KEY_ID, SECRET, MOMENT.timestamp()))
print('  "suite": [\n%s\n  ],' % rows(cases))
print('  "botocore_version": "%s",' % botocore.__version__)
print('  "botocore": [\n%s\n  ]\n}' % rows(generated(int(count or 300))))
