#!/usr/bin/env python3
"""route: labels for texts by libtrroute and ctypes; nothing beyond the standard library.

    ./route.py policy.trp < texts.txt       a label and a text a line, "?" where the teacher is to
                                            be asked

As a module: Policy("policy.trp").decide("where is my order"). A Policy may be used by any number of
threads at the same time; while it decides, Python runs on.
"""

import ctypes
import os
import sys
from array import array
from ctypes import (POINTER, byref, c_char_p, c_double, c_int, c_int64, c_size_t, c_uint64,
                    c_void_p)

HANDLED, LOW_SCORE, NOVEL, NEVER_LABEL, REFUSED = range(5)


class Decision(ctypes.Structure):
    _fields_ = [("why", c_int), ("stage", c_int), ("label", c_int64), ("_text", c_void_p),
                ("_text_size", c_size_t), ("accept_score", c_double)]

    @property
    def text(self):
        """The label, or None where the row is deferred."""
        return ctypes.string_at(self._text, self._text_size).decode() if self._text else None


class About(ctypes.Structure):
    _fields_ = [("accepts", c_int), ("needs_text", c_int), ("dimensions", c_size_t),
                ("n_labels", c_size_t), ("alpha", c_double), ("delta", c_double),
                ("guarantee", c_char_p), ("coverage", c_double), ("rows", c_uint64),
                ("accepted", c_uint64), ("tested", c_uint64), ("agreed", c_uint64),
                ("needed", c_uint64), ("refusal", c_char_p), ("digest", c_char_p),
                ("version", c_char_p)]


class Lines(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("size", c_size_t), ("lines", c_uint64), ("bad", c_uint64)]


MESSAGE = 1024
lib = ctypes.CDLL(os.environ.get("LIBTRROUTE", "libtrroute.so.0"))
lib.trroute_open.argtypes = [POINTER(c_void_p), c_char_p, c_char_p, c_size_t]
lib.trroute_close.argtypes = [c_void_p]
lib.trroute_close.restype = None
lib.trroute_about.argtypes = [c_void_p]
lib.trroute_about.restype = POINTER(About)
lib.trroute_decide.argtypes = [c_void_p, c_char_p, c_size_t, c_void_p, c_size_t, POINTER(Decision),
                               c_char_p, c_size_t]
lib.trroute_decide_lines.argtypes = [c_void_p, c_char_p, c_size_t, c_void_p, POINTER(Lines),
                                     c_char_p, c_size_t]
lib.trroute_lines_free.argtypes = [POINTER(Lines)]
lib.trroute_lines_free.restype = None


class RouteError(Exception):
    """`code`: 2 a wrong call, 3 bad data (the policy; a row that it cannot take), 4 the system."""

    def __init__(self, code, message):
        super().__init__(message.value.decode(errors="replace"))
        self.code = code


class Policy:
    def __init__(self, file):
        self._handle = c_void_p()
        message = ctypes.create_string_buffer(MESSAGE)
        code = lib.trroute_open(byref(self._handle), os.fsencode(file), message, MESSAGE)
        if code:
            raise RouteError(code, message)
        self.about = lib.trroute_about(self._handle).contents

    def __del__(self):
        lib.trroute_close(self._handle)

    def decide(self, text=None, embedding=None):
        """The Decision on a text (str, or bytes of UTF-8), an embedding (numbers), or both."""
        decision, message = Decision(), ctypes.create_string_buffer(MESSAGE)
        encoded = text.encode() if isinstance(text, str) else text
        numbers = None if embedding is None else array("f", embedding)
        where, n = numbers.buffer_info() if numbers else (None, 0)
        code = lib.trroute_decide(self._handle, encoded, len(encoded or b""), where, n,
                                  byref(decision), message, MESSAGE)
        if code:
            raise RouteError(code, message)
        decision._policy = self  # its text is the policy's
        return decision

    def decide_lines(self, requests):
        """Request lines (bytes) to decision lines, as tr-route writes them."""
        lines, message = Lines(), ctypes.create_string_buffer(MESSAGE)
        code = lib.trroute_decide_lines(self._handle, requests, len(requests), None, byref(lines),
                                        message, MESSAGE)
        if code:
            raise RouteError(code, message)
        try:
            return ctypes.string_at(lines.data, lines.size)
        finally:
            lib.trroute_lines_free(byref(lines))


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: route.py POLICY < TEXTS")
    try:
        policy = Policy(sys.argv[1])
    except RouteError as error:
        print("route.py:", error, file=sys.stderr)
        return error.code
    for line in sys.stdin.buffer:
        line = line.rstrip(b"\n")
        label = None
        try:
            label = policy.decide(line).text
        except RouteError as error:
            print("route.py:", error, file=sys.stderr)
            if error.code == 4:
                return 4
        sys.stdout.buffer.write((label or "?").encode() + b"\t" + line + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
