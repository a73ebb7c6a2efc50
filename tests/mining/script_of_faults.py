"""A script whose functions fail in every way; which one, by the object's name."""

import os
import signal
import sys

import numpy as np

from features.mining import batch, light_curve


@light_curve(columns="jd magpsf")
def fails(curve):
    print("printed", curve.id)
    match curve.id:
        case "raises" | "raises too":
            raise ValueError("no such light curve")
        case "hangs":
            while True:
                pass
        case "hangs deaf":
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
            while True:
                pass
        case "eats":
            np.ones(1 << 30)
        case "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exits":
            sys.exit(3)
        case "leaves":
            os._exit(0)
        case "text":
            yield {"points": "many", "faintest": 1.0}
        case "unknown":
            yield {"point": 1}
    yield {"points": len(curve), "faintest": curve["magpsf"].max()}


@batch(columns="jd magpsf")
def fails_in_a_batch(curves):
    names = set(curves.object_id.tolist())
    if "raises" in names:
        raise ValueError("no such batch")
    if "leaves" in names:
        os._exit(3)
    yield {"points": curves.segments.count, "faintest": curves.segments.reduce(np.fmax, curves.real("magpsf"))}


@light_curve(columns="jd", schema={"n": "int64", "all": "list<float64>", "maybe": "string"})
def declared(curve):
    yield {"n": len(curve), "all": curve["jd"], "maybe": None}


@light_curve(columns="jd nothing")
def asks_too_much(curve):
    yield {}


def unmarked(curve):
    yield {}
