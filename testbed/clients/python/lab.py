"""What the programs share: asking the test for a deployment, and telling it what held. `testbed/src/clients/talk.rs` is the other end."""

import json
import sys
import traceback

# Standard output is for the test.
_out, sys.stdout = sys.stdout, sys.stderr

failures = 0


def _say(line):
    print(json.dumps(line), file=_out, flush=True)


def _ask(question):
    _say(question)
    answer = sys.stdin.readline()
    if not answer:
        raise RuntimeError("the test has gone")
    return json.loads(answer)


def deploy(**deployment):
    """Has the service run like this, at the same address as before; see `deploy` in `node/lab.mjs`."""
    return _ask({"deploy": deployment})


def take_down():
    """Stops the service."""
    _ask({"down": True})


def check(name):
    """Runs the decorated function as a check and tells how it went. Later checks run all the same."""

    def run(body):
        global failures
        try:
            body()
        except Exception:
            failures += 1
            _say({"failed": name, "why": traceback.format_exc()})
        else:
            _say({"passed": name})

    return run
