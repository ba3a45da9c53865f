#!/usr/bin/env python3
"""Makes rsa_sig_gen.json of Wycheproof's sets for the generation of RSA signatures (PKCS#1 v1.5), those with SHA-256.

    rsa_sig_gen.py WYCHEPROOF > rsa_sig_gen.json

WYCHEPROOF is a checkout of github.com/C2SP/wycheproof (Apache-2.0). "is_valid" is false of keys that it calls acceptable: they have
a small public exponent.
"""

import json
import sys
from pathlib import Path

groups = []
for bits in (2048, 3072, 4096):
    path = Path(sys.argv[1], f"testvectors_v1/rsa_pkcs1_{bits}_sig_gen_test.json")
    for group in json.loads(path.read_text())["testGroups"]:
        if group["sha"] == "SHA-256":
            groups.append(
                {
                    "bits": bits,
                    "is_valid": all(test["result"] == "valid" for test in group["tests"]),
                    "key": group["privateKeyPem"],
                    "tests": [[test["msg"], test["sig"]] for test in group["tests"]],
                }
            )
json.dump(groups, sys.stdout, indent=1)
print()
