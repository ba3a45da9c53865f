"""Validates JSON documents against a schema: the argument is the schema's file, the input is a list of documents.

The output is a list: null for a valid document, otherwise its first fault.
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
