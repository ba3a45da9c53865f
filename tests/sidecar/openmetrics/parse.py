"""Reads OpenMetrics text by the parser of Prometheus's client, and prints type, unit and number of samples of each family."""

import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families

families = text_string_to_metric_families(sys.stdin.read())
print(json.dumps({family.name: [family.type, family.unit, len(family.samples)] for family in families}))
