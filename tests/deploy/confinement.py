"""What a unit takes away from a process, taken away by the kernel's own means: no service manager has to run for it.

`MemoryDenyWriteExecute=` by prctl, `SystemCallFilter=` by libseccomp, from the lines of the unit and from systemd's own
sets of system calls.
"""

import ctypes
import ctypes.util
import errno
import shutil
import subprocess
from collections.abc import Callable, Iterable
from functools import cache

ANALYZE = shutil.which("systemd-analyze")
SECCOMP = ctypes.util.find_library("seccomp")
PR_SET_NO_NEW_PRIVS, PR_SET_MDWE, REFUSE_EXEC_GAIN = 38, 65, 1
ALLOW = 0x7FFF0000
REFUSE = 0x00050000 | errno.EPERM


def refuse_memory_that_is_written_and_run() -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "this kernel cannot")


def can_refuse_memory() -> bool:
    try:
        subprocess.run(["true"], check=True, preexec_fn=refuse_memory_that_is_written_and_run)
    except (subprocess.SubprocessError, OSError):
        return False
    return True


def allowed_by(filters: Iterable[str]) -> set[str]:
    """The system calls that are left by the values of `SystemCallFilter=`, one after the other."""
    left: set[str] = set()
    for value in filters:
        named = {call for word in value.removeprefix("~").split() for call in calls_of(word)}
        left = left - named if value.startswith("~") else left | named
    return left | calls_of("@default")  # which nobody can take away


@cache
def calls_of(word: str) -> frozenset[str]:
    if not word.startswith("@"):
        return frozenset({word})
    told = subprocess.run(
        [ANALYZE or "", "syscall-filter", "--no-pager", word], check=True, timeout=60, capture_output=True, text=True
    ).stdout
    words = [line.strip() for line in told.splitlines()[1:]]
    return frozenset(call for word in words if word and not word.startswith("#") for call in calls_of(word))


def refusing_all_but(allowed: Iterable[str]) -> Callable[[], None]:
    """To be called in the process itself, before it becomes another program."""
    seccomp = ctypes.CDLL(SECCOMP)
    seccomp.seccomp_init.restype = ctypes.c_void_p
    numbers = [seccomp.seccomp_syscall_resolve_name(name.encode()) for name in sorted(allowed)]

    def refuse() -> None:
        filtering = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(REFUSE)))
        for number in numbers:
            if number >= 0:  # others are of other machines
                seccomp.seccomp_rule_add(filtering, ctypes.c_uint32(ALLOW), number, 0)
        ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if seccomp.seccomp_load(filtering) != 0:
            raise OSError("this kernel filters no system calls")
        refuse_memory_that_is_written_and_run()

    return refuse
