"""Judges JSON documents by a schema: the schema's file is the argument, a list of documents is the input.

The answer is a list, null for a good document, else the first fault.
"""

import json
import sys

import jsonschema

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
jsonschema.Draft7Validator.check_schema(schema)
validator = jsonschema.Draft7Validator(schema)
faults = (next(validator.iter_errors(document), None) for document in json.load(sys.stdin))
print(json.dumps([fault and fault.message for fault in faults]))
