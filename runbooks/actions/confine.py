"""Becomes another program, once its limits are set and its user is changed.

Started as `python -I -S confine.py FD CONFINEMENT PROGRAM ARGUMENT...`, with its own standard library only: a thread
of burnline's cannot safely run Python between fork and exec, this process can. CONFINEMENT is JSON: {"limits":
{"RLIMIT_AS": bytes}, "user": [uid, gid, [groups]] or null, "names": the environment variables to keep}. FD is closed
when the program starts; what is written to it says why it did not.
"""

import json
import os
import resource
import signal
import sys


def main() -> None:
    """Never returns."""
    said, confinement, *argv = sys.argv[1:]
    try:
        os.set_inheritable(int(said), False)
        wanted = json.loads(confinement)
        for name, most in wanted["limits"].items():
            _limit(getattr(resource, name), most)
        if wanted["user"] is not None:
            uid, gid, groups = wanted["user"]
            os.setgroups(groups)
            os.setgid(gid)
            os.setuid(uid)
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):  # Python's own choices, which exec would pass on
            signal.signal(number, signal.SIG_DFL)
        # Python may have added LC_CTYPE (PEP 538)
        environment = {name: os.environ[name] for name in wanted["names"]}
        os.execve(argv[0], argv, environment)  # noqa: S606 - no shell is the point
    except OSError as error:
        os.write(int(said), (error.strerror or str(error)).encode())
    finally:
        os._exit(127)


def _limit(number: int, most: int) -> None:
    """As much as is wanted, and no more than burnline may have itself."""
    hard = resource.getrlimit(number)[1]
    allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(number, (allowed, allowed))


if __name__ == "__main__":
    main()
