"""The system calls that a sandbox refuses, as a filter that bubblewrap hands to the kernel (seccomp).

Namespaces and lost rights already forbid what these calls could do; the filter keeps such code from reaching parts of
the kernel that a learner's notebook has no use for, and its processes from each other.
"""

import errno
import platform
import struct

# Number of each refused call on x86-64 and on 64-bit ARM (None: it does not exist there).
REFUSED: dict[str, tuple[int | None, int | None]] = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_getfd": (438, 438), "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "unshare": (272, 97), "setns": (308, 268),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428),
    "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432),
    "fspick": (433, 433), "mount_setattr": (442, 442), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "kexec_load": (246, 104), "kexec_file_load": (320, 294),
    "open_by_handle_at": (304, 265), "quotactl": (179, 60), "reboot": (169, 142), "swapon": (167, 224),
    "swapoff": (168, 225), "syslog": (103, 116), "acct": (163, 89), "iopl": (172, None), "ioperm": (173, None),
}  # fmt: skip
# AUDIT_ARCH_* of linux/audit.h, and the column above.
MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
LOAD, JUMP_EQUAL, JUMP_AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000
X32_CALLS = 0x40000000


def call_filter(machine: str | None = None) -> bytes:
    """Return the filter as the kernel's ``struct sock_filter[]``; nothing for a machine whose calls are not known.

    Calls of another architecture than the machine's own end the process; those in REFUSED fail with EPERM.
    """
    machine = machine or platform.machine()
    if machine not in MACHINES:
        return b""
    architecture, column = MACHINES[machine]
    numbers = sorted(number for numbers in REFUSED.values() if (number := numbers[column]) is not None)
    program = [(LOAD, 0, 0, 4), (JUMP_EQUAL, 1, 0, architecture), (RETURN, 0, 0, KILL), (LOAD, 0, 0, 0)]
    refusal = len(numbers) + 1  # distance from the first comparison to the refusal
    program.append((JUMP_AT_LEAST, refusal, 0, X32_CALLS))
    for place, number in enumerate(numbers):
        program.append((JUMP_EQUAL, refusal - 1 - place, 0, number))
    program += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, REFUSE)]
    return b"".join(struct.pack("=HBBI", *step) for step in program)
