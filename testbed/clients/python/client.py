"""OpenFeature's OFREP provider for Python: a request for each evaluation."""

import json
import sys
import time
from pathlib import Path

from lab import check, deploy, take_down
import lab
from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import ErrorCode, Reason

METHODS = {
    "boolean": "get_boolean_details",
    "string": "get_string_details",
    "integer": "get_integer_details",
    "float": "get_float_details",
    "object": "get_object_details",
}


def client_of(provider):
    api.set_provider(provider)
    return api.get_client()


def context_of(attributes):
    attributes = dict(attributes)
    return EvaluationContext(attributes.pop("targetingKey", None), attributes)


def same(wanted, got):
    """Equal, of equal types: 10 is not 10.0."""
    return wanted == got and type(wanted) is type(got)


running = deploy()
url, key = running["url"], running["key"]


def keyed():
    return OFREPProvider(url, headers_factory=lambda: {"Authorization": f"Bearer {key}"})


# README.md has this line.
api.set_provider(OFREPProvider(url, headers_factory=lambda: {"X-API-Key": key}))
client = api.get_client()
for row in json.loads(Path(__file__).with_name("evaluations.json").read_text("utf-8")):
    wanted = {**row, **row.get("except", {}).get("python", {})}

    @check(f"{row['flag']} as {row['type']} for {row.get('context', {})}")
    def _():
        evaluate = getattr(client, METHODS[row["type"]])
        got = evaluate(row["flag"], row["default"], context_of(row.get("context", {})))
        assert same(wanted["value"], got.value), got
        assert got.reason == Reason[wanted["reason"]], got
        assert got.variant == wanted["variant"], got
        assert got.error_code == (ErrorCode(wanted["error"]) if "error" in wanted else None), got
        if "metadata" in wanted:
            assert got.flag_metadata == wanted["metadata"], got


@check("a base address that ends in a slash")
def _():
    client = client_of(OFREPProvider(f"{url}/", headers_factory=lambda: {"X-API-Key": key}))
    assert client.get_boolean_details("bool", False).reason == Reason.STATIC


@check("a context that is refused")
def _():
    got = client_of(keyed()).get_boolean_details("bool", False, context_of({"targetingKey": "x" * 1_025}))
    assert (got.error_code, got.value) == (ErrorCode.INVALID_CONTEXT, False), got


@check("a wrong key")
def _():
    client = client_of(OFREPProvider(url, headers_factory=lambda: {"X-API-Key": f"{key}x"}))
    got = client.get_boolean_details("bool", False)
    assert (got.error_code, got.error_message, got.value) == (ErrorCode.GENERAL, "unauthorized", False), got


@check("no key")
def _():
    got = client_of(OFREPProvider(url)).get_boolean_details("bool", False)
    assert (got.error_code, got.error_message, got.value) == (ErrorCode.GENERAL, "unauthorized", False), got


@check("a limit of requests, the pause that it asks for, and the time after it")
def _():
    deploy(limit={"requests": 0, "seconds": 2})
    client = client_of(keyed())
    got = client.get_boolean_details("bool", False)
    assert (got.error_code, got.error_message) == (ErrorCode.GENERAL, "Rate limited, retry after: 2"), got
    began = time.monotonic()
    paused = client.get_boolean_details("bool", False)
    assert "paused due to TooManyRequests" in paused.error_message, paused
    deploy()
    time.sleep(max(0, began + 2.5 - time.monotonic()))
    assert client.get_boolean_value("bool", False) is True


@check("a restart with another ruleset")
def _():
    client = client_of(keyed())
    assert client.get_string_value("text", "-") == 'héllo "you" ☕'
    take_down()
    down = client.get_string_details("text", "-")
    assert (down.error_code, down.value) == (ErrorCode.GENERAL, "-"), down
    deploy(defaults={"text": "bye"})
    assert client.get_string_value("text", "-") == "bye"


@check("DevCycle's rulesets")
def _():
    deploy(ruleset="coffee-shop")
    client = client_of(keyed())
    context = context_of({"targetingKey": "ada", "stars": 120, "country": "FR"})
    assert client.get_boolean_value("platinum", False, context) is True
    assert client.get_integer_value("max-items", 7, context) == 40
    assert client.get_object_value("pricing", {}, context)["currency"] == "EUR"
    assert client.get_string_details("checkout", "-", context).reason == Reason.SPLIT


@check("a service that cannot decide")
def _():
    deploy(ruleset="none")
    got = client_of(keyed()).get_string_details("text", "-")
    assert (got.error_code, got.value) == (ErrorCode.GENERAL, "-"), got


@check("an open environment, without a key")
def _():
    deploy(auth="open")
    got = client_of(OFREPProvider(url)).get_string_details("rollout", "-", context_of({"targetingKey": "cid"}))
    assert (got.value, got.reason) == ("c", Reason.TARGETING_MATCH), got


api.shutdown()
sys.exit(1 if lab.failures else 0)
