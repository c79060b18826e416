#!/usr/bin/python3
"""A program of the method `external`: accounts are lines "USER:PASSWORD" in the file argv[1]; what it
is asked is appended to argv[1].log. The word in argv[1].fault spoils its answers: "cut" ends it,
"garble" is an answer that is none, "slow" takes 20 ms, "hang" waits until somebody writes to the pipe
argv[1].gate."""
import os
import struct
import sys
import time


def accounts():
    with open(sys.argv[1], encoding="utf-8") as f:
        return dict(line.rstrip("\n").split(":", 1) for line in f)


def store(known):
    with open(sys.argv[1] + ".new", "w", encoding="utf-8") as f:
        f.writelines(f"{user}:{password}\n" for user, password in known.items())
    os.replace(sys.argv[1] + ".new", sys.argv[1])


def act(question):
    what, user, _domain, *rest = question.split(":", 3)
    known = accounts()
    if user == "dies":
        sys.exit(3)
    if user == "hangs":
        time.sleep(3600)
    if what == "auth":
        return known.get(user) == rest[0]
    if what == "isuser":
        return user in known
    if user.startswith("refused") and what != "isuser":
        return False
    if what == "tryregister" and user not in known:
        store(known | {user: rest[0]})
        return True
    if what == "setpass" and user in known:
        store(known | {user: rest[0]})
        return True
    if what == "removeuser" and user in known:
        store({u: p for u, p in known.items() if u != user})
        return True
    return False


def fault():
    try:
        with open(sys.argv[1] + ".fault", encoding="ascii") as f:
            return f.read()
    except FileNotFoundError:
        return ""


while True:
    length = sys.stdin.buffer.read(2)
    if len(length) < 2:
        break
    text = sys.stdin.buffer.read(struct.unpack(">H", length)[0]).decode()
    with open(sys.argv[1] + ".log", "a", encoding="utf-8") as log:
        log.write(text + "\n")
    how = fault()
    if how == "cut":
        sys.exit(3)
    if how == "garble":
        os.write(1, b"rubbish")
    if how == "slow":
        time.sleep(0.02)
    if how == "hang":
        with open(sys.argv[1] + ".gate", "rb") as gate:
            gate.read()
    sys.stdout.buffer.write(struct.pack(">HH", 2, int(act(text))))
    sys.stdout.buffer.flush()
