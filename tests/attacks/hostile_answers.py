"""Submissions that attack the grader. Each proves its reach harmlessly: it opens and does not write, it marks and
does not damage, so that a hole in the sandbox harms nobody's machine. They are never run outside of the sandbox.

Each attack is the text of a cell at the notebook's top, or of solution cells, beside code that deserves nothing. What
it gains is read from the gradebook; what it reaches, from the word REACHED in its outputs.
"""

import os
from dataclasses import dataclass, field

# A socket of the host's without a file, with a name for each run of the tests: two may go on at once.
LISTENER = f"classroom-test-listener-{os.getpid()}"
# The right answers, and wrong ones that deserve 0 in every check.
RIGHT = {
    "double": "def double(x):\n    return 2 * x",
    "halves": "def halves(x):\n    return x / 2, x / 4",
    "answer": "answer = 42",
    "counter": "class Counter:\n    def __init__(self):\n        self.total = 0\n    def add(self, n):\n"
    "        self.total += n\n        return self.total",
}
WRONG = {
    "double": "def double(x):\n    return x + 1000",
    "halves": "def halves(x):\n    return x, x",
    "answer": "answer = 0",
    "counter": "class Counter:\n    total = 0\n    def add(self, n):\n        return 0",
}


@dataclass(frozen=True)
class Attack:
    """One hostile notebook: a cell at its top, its solution cells, and what its code deserves."""

    top: str = ""
    answers: dict[str, str] = field(default_factory=dict)
    deserves: float = 0.0
    end: str = ""


def reach(expression: str, what: str) -> str:
    """Return code that says REACHED if ``expression`` does not raise and is true."""
    return (
        "try:\n"
        f"    if {expression}:\n"
        f"        print('REACHED {what}')\n"
        "except BaseException as problem:\n"
        "    print('held:', type(problem).__name__)\n"
    )


def if_alone(statement: str) -> str:
    """Return code that runs ``statement`` if it is among few processes, as in a sandbox, and says REACHED elsewhere."""
    return (
        f"import os\nif os.getpid() < 1000:\n    {statement}\nelse:\n    print('REACHED the processes of the host')\n"
    )


FIND_FILES = """
import os
for folder, folders, files in os.walk('/'):
    if folder.startswith(('/usr', '/opt', '/lib', '/dev')):
        folders[:] = []
        continue
    for name in files:
        path = os.path.join(folder, name)
        if name.endswith(('.ipynb', '.db', '.md')) or 'submitted' in path or 'secret' in path:
            print('REACHED', path)
"""

ATTACKS = {
    # The table of what stock nbgrader gives away.
    "read-solutions": Attack(FIND_FILES),
    "read-hosts-files": Attack(
        "".join(
            reach(f"open({path!r}).read(1) is not None", path)
            for path in ("/etc/shadow", "/etc/passwd", "/etc/hostname", "/root/.bashrc", "/proc/1/environ")
        )
        + reach("__import__('os').listdir('/home') is not None", "home")
        + reach("__import__('os').listdir('/root') is not None", "root")
    ),
    "read-hidden-tests-in-folder": Attack(
        "import os\nfor name in os.listdir('.'):\n    if name != 'numbers.csv':\n        print('REACHED', name)\n"
        "print('HIDDEN-MARKER' in open('numbers.csv').read() and 'REACHED')"
    ),
    "daemon-rewrites-gradebook": Attack(
        "import os, sys, time, glob\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        import sqlite3\n"
        "        for path in glob.glob('/**/gradebook.db', recursive=True):\n"
        "            open('/tmp/found', 'w').write(path)\n"
        "        time.sleep(600)\n"
        "    os._exit(0)\n"
        "time.sleep(0.3)\nprint(os.path.exists('/tmp/found') and 'REACHED the gradebook')"
    ),
    "network": Attack(
        "import socket\n"
        "for address in (('1.1.1.1', 53), ('127.0.0.1', 22), ('169.254.169.254', 80)):\n"
        "    try:\n"
        "        socket.create_connection(address, timeout=0.5)\n"
        "        print('REACHED', address)\n"
        "    except OSError as problem:\n"
        "        print('held:', problem)\n"
        "print(len(socket.if_nameindex()), 'interface')\n"
        "if len(socket.if_nameindex()) != 1: print('REACHED an interface')"
    ),
    "abstract-sockets-of-the-host": Attack(
        "import socket\ns = socket.socket(socket.AF_UNIX)\n"
        + reach(f"s.connect('\\0{LISTENER}') is None", "a socket of the host")
    ),
    "kill-parent": Attack("import os, signal\n" + if_alone("os.kill(os.getppid(), signal.SIGKILL)")),
    "fork-bomb": Attack(
        "import os, time\nmade = 0\n"
        "try:\n"
        "    while made < 300:\n"
        "        if os.fork() == 0:\n"
        "            time.sleep(600)\n"
        "            os._exit(0)\n"
        "        made += 1\n"
        "except OSError as problem:\n"
        "    print('held after', made)\n"
        "if made == 300: print('REACHED', made)"
    ),
    "thread-bomb": Attack(
        "import threading, time\nmade = 0\n"
        "try:\n"
        "    while made < 300:\n"
        "        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
        "        made += 1\n"
        "except RuntimeError as problem:\n"
        "    print('held after', made)\n"
        "if made == 300: print('REACHED', made)"
    ),
    "memory-bomb": Attack(
        "hoard = []\n"
        "try:\n"
        "    while len(hoard) < 40:\n"
        "        hoard.append(bytearray(50_000_000))\n"
        "    print('REACHED', len(hoard))\n"
        "except MemoryError:\n"
        "    print('held after', len(hoard))\n"
        "hoard.clear()"
    ),
    # Each process stays below its own limit. All three full and alive at once would be more than the group's.
    "memory-bomb-of-many-processes": Attack(
        "import glob, os, time\n"
        "made = []\n"
        "for number in range(3):\n"
        "    made.append(os.fork())\n"
        "    if made[-1] == 0:\n"
        "        hoard = [bytearray(os.urandom(1000) * 50_000) for _ in range(14)]\n"
        "        open(f'/tmp/full{number}', 'w').close()\n"
        "        time.sleep(600)\n"
        "gone = []\n"
        "while not gone and len(glob.glob('/tmp/full*')) < 3:\n"
        "    gone = [pid for pid in made if os.waitpid(pid, os.WNOHANG)[0]]\n"
        "    time.sleep(0.05)\n"
        "time.sleep(0.2)\n"
        "gone += [pid for pid in made if pid not in gone and os.waitpid(pid, os.WNOHANG)[0]]\n"
        "print('held' if gone else 'REACHED 2.1 GB')"
    ),
    "memory-bomb-in-files": Attack(
        "written = 0\n"
        "for folder in ('/tmp', '/notebook', '/dev/shm', '.'):\n"
        "    for number in range(12):\n"
        "        try:\n"
        "            with open(f'{folder}/bomb{number}', 'wb') as file:\n"
        "                written += file.write(bytes(10_000_000))\n"
        "        except OSError:\n"
        "            break\n"
        "print('REACHED' if written > 250_000_000 else 'held', written)"
    ),
    "loop-that-swallows-interrupts": Attack(
        answers={
            "halves": "import time\nwhile True:\n    try:\n        time.sleep(1)\n    except BaseException:\n        0"
        }
    ),
    "exit-at-once": Attack(answers={"halves": "import os\nos._exit(0)"}),
    "exit-in-a-call": Attack(answers={"double": "import os\ndef double(x):\n    os._exit(0)"}),
    "sys-exit-in-a-call": Attack(answers={"double": "def double(x):\n    raise SystemExit(0)"}),
    "much-output": Attack("for _ in range(1000):\n    print('x' * 100_000)"),
    "much-displayed": Attack("from IPython.display import display\nfor k in range(5000):\n    display('y' * 1000)"),
    "patch-numpy-testing": Attack(
        "import numpy.testing\nfor name in dir(numpy.testing):\n    if name.startswith('assert'):\n"
        "        setattr(numpy.testing, name, lambda *a, **k: None)\n"
        "import numpy as np\nnp.allclose = np.isclose = lambda *a, **k: True"
    ),
    "delete-asserts-by-transformer": Attack(
        "import ast\nclass Drop(ast.NodeTransformer):\n    def visit_Assert(self, node):\n        return None\n"
        "get_ipython().ast_transformers.append(Drop())\n"
        "get_ipython().input_transformers_cleanup.append(lambda lines: [l for l in lines if 'assert' not in l])"
    ),
    "patch-the-shell": Attack(
        "shell = get_ipython()\ntype(shell).run_cell = lambda self, *a, **k: None\n"
        "type(shell).showtraceback = lambda self, *a, **k: None",
        WRONG,
    ),
    "forged-partial-credit": Attack(
        "import sys\nclass Hook:\n    def __call__(self, value):\n        print(4.0)\n"
        "get_ipython().displayhook.__class__.__call__ = lambda self, value=None: print('4.0')\n"
        "get_ipython().events.register('post_run_cell', lambda result: print(5.0))"
    ),
    "expected-value-from-the-stack": Attack(
        answers={
            "double": "import sys\n"
            "def double(x):\n"
            "    frame = sys._getframe()\n"
            "    while frame:\n"
            "        for name, value in list(frame.f_locals.items()) + list(frame.f_globals.items()):\n"
            "            if name in ('expected', 'secret'):\n"
            "                print('REACHED', name)\n"
            "                return value\n"
            "        frame = frame.f_back\n"
            "    return 0"
        }
    ),
    "expected-value-from-history": Attack(
        answers={
            "double": "def double(x):\n"
            "    for source in get_ipython().user_ns.get('In', []):\n"
            "        if 'HIDDEN-MARKER' in source:\n"
            "            print('REACHED', source)\n"
            "    return 0"
        }
    ),
    "hook-prints-hidden-tests": Attack(
        "def tell(info):\n    print(info.raw_cell)\nget_ipython().events.register('pre_run_cell', tell)"
    ),
    "redefine-a-helper": Attack("def same(a, b):\n    return True\n", end="def same(a, b):\n    return True\n"),
    "redefine-np": Attack(
        "class Liar:\n    def __getattr__(self, name):\n        return self\n"
        "    def __call__(self, *a, **k):\n        return True\n    testing = None\n"
        "np = Liar()\n",
        end="np = __import__('sys').modules['numpy'] = None",
    ),
    # Further ones.
    "patch-builtins": Attack(
        "import builtins\nbuiltins.AssertionError = type('Quiet', (Exception,), {})\n"
        "builtins.isinstance = lambda *a: True\nbuiltins.abs = lambda x: 0\nbuiltins.len = len\nbuiltins.float = int"
    ),
    "patch-sys-modules": Attack(
        "import sys, types\nfake = types.ModuleType('gradcheck')\n"
        "fake.__getattr__ = lambda name: (lambda *a, **k: type('R', (), {'score': lambda s, p: p})())\n"
        "sys.modules['gradcheck'] = fake\nsys.modules['numpy'] = fake"
    ),
    "atexit": Attack(
        "import atexit\natexit.register(lambda: open('/notebook/left-by-atexit', 'w').write('REACHED'))\n"
        "atexit.register(print, 'REACHED')"
    ),
    "sitecustomize": Attack(
        "for name in ('sitecustomize.py', 'usercustomize.py', 'gradcheck.py', 'numpy.py', 'mistakes.py', 'math.py'):\n"
        "    open(name, 'w').write('raise SystemExit(\"REACHED\")')\n"
    ),
    "files-for-the-next-learner": Attack(
        "import os, glob\n"
        "for folder in ('/tmp', '/notebook', '/dev/shm', '/opt/own/classroom', '/opt/packages/0', '/usr/lib'):\n"
        "    try:\n"
        "        if glob.glob(folder + '/left-behind*'): print('REACHED', folder)\n"
        "        open(folder + '/left-behind', 'w').close()\n"
        "        if not folder.startswith(('/tmp', '/notebook', '/dev/shm')): print('REACHED writing', folder)\n"
        "    except OSError as problem:\n"
        "        print('held:', problem)"
    ),
    "files-from-the-learner-before": Attack(
        "import glob\nfor path in glob.glob('/*/left-behind') + glob.glob('/dev/shm/*'):\n    print('REACHED', path)"
    ),
    "processes-and-environment": Attack(
        "import os\n"
        "for name, value in os.environ.items():\n"
        "    if any(word in name + value for word in ('root', 'SECRET', 'HOME=/root', 'pytest', 'course')):\n"
        "        print('REACHED', name, value)\n"
        + reach("len(os.listdir('/proc')) > 0", "proc")
        + reach("'/' in open('/proc/self/mountinfo').read()", "mountinfo")
        + reach("open('/proc/self/environ').read()", "environ")
    ),
    "open-proc-sys-for-writing": Attack(
        "import os\n"
        + "".join(
            reach(f"os.open({path!r}, os.O_WRONLY)", path)
            for path in (
                "/proc/sys/kernel/core_pattern",
                "/proc/sys/kernel/hostname",
                "/proc/sysrq-trigger",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes",
                "/sys/kernel/uevent_helper",
                "/dev/mem",
                "/dev/kmsg",
            )
        )
    ),  # fmt: skip
    "mount-proc": Attack(
        "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\nos.mkdir('/tmp/p')\n"
        + reach("libc.mount(b'proc', b'/tmp/p', b'proc', 0, None) == 0", "mount")
        + reach("libc.unshare(0x10000000) == 0", "a user namespace")
        + reach("libc.unshare(0x00020000) == 0", "a mount namespace")
        + reach("libc.umount2(b'/usr', 2) == 0", "umount")
    ),
    "chroot-and-setuid": Attack(
        "import os\n"
        + reach("os.setuid(0) is None", "root")
        + reach("os.chroot('/tmp') is None", "chroot")
        + reach("os.mknod('/tmp/disk', 0o60666, os.makedev(8, 0)) is None", "a device")
        + reach("os.sethostname('mine') is None" if False else "__import__('socket').sethostname('m') is None", "name")
    ),
    "ptrace": Attack(
        "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        "for pid in [1, 2, 3, os.getppid()]:\n"
        "    if pid != os.getpid() and libc.ptrace(16, pid, None, None) == 0:\n"
        "        print('REACHED', pid)\n"
        "        libc.ptrace(17, pid, None, None)"
    ),
    "kill-all-it-sees": Attack(end="import os, signal\n" + if_alone("os.kill(-1, signal.SIGKILL)")),
    "kill-all-it-sees-in-a-call": Attack(
        answers={"double": "import os\ndef double(x):\n    os.getpid() < 1000 and os.kill(-1, 9)\n    return 0"}
    ),
    "stop-the-server": Attack(
        "import os, signal\n"
        "for pid in range(2, min(os.getpid(), 1000)):\n    try:\n        os.kill(pid, signal.SIGSTOP)\n"
        "    except OSError:\n        pass"
    ),
    "inherited-descriptors": Attack(
        "import os\n"
        "sockets = []\n"
        "for number in range(3, 256):\n"
        "    try:\n"
        "        kind = os.fstat(number).st_mode >> 12\n"
        "    except OSError:\n"
        "        continue\n"
        "    if kind == 0o10: print('REACHED a file', number)\n"
        "    if kind == 0o14: sockets.append(number)\n"
        "    if kind == 0o04: print('REACHED a folder', number)\n"
        "if len(sockets) > 1: print('REACHED', sockets)"
    ),
    "keyrings-and-kernel-interfaces": Attack(
        "import ctypes, platform\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        "numbers = {'x86_64': dict(keyctl=250, add_key=248, bpf=321, perf=298, uring=425, userfault=323)}\n"
        "for name, number in numbers.get(platform.machine(), {}).items():\n"
        "    result = libc.syscall(number, 0, -3, 0, 0, 0)\n"
        "    if name in ('bpf', 'perf') and result >= 0: print('REACHED', name)\n"
        "    if name == 'keyctl' and result >= 0 and False: print('REACHED', name)"
    ),
    "fake-eq": Attack(
        answers={
            "double": "class Same:\n"
            "    def __eq__(self, other): return True\n"
            "    def __ne__(self, other): return False\n"
            "    def __bool__(self): return True\n"
            "    def __array__(self, *a, **k): raise TypeError\n"
            "    def __sub__(self, other): return 0\n"
            "    def __rsub__(self, other): return 0\n"
            "    def __abs__(self): return 0\n"
            "    def __le__(self, other): return True\n"
            "    __lt__ = __ge__ = __gt__ = __le__\n"
            "    def __getattr__(self, name): return self\n"
            "    def __call__(self, *a, **k): return True\n"
            "def double(x): return Same()",
            "halves": "def halves(x): return double(x), double(x)",
            "answer": "answer = double(0)",
        }
    ),
    "lying-array-subclass": Attack(
        answers={
            "double": "import numpy as np\n"
            "class Liar(np.ndarray):\n"
            "    def __eq__(self, other): return np.True_\n"
            "    def __array_ufunc__(self, *a, **k): return np.float64(0)\n"
            "    def __array_function__(self, *a, **k): return True\n"
            "    def __array__(self, *a, **k): return np.arange(3.0) * 2\n"
            "def double(x): return np.full(np.shape(x), 7.0).view(Liar)",
            "answer": "class Int(int):\n    def __eq__(self, other): return True\nanswer = Int(7)",
        }
    ),
    "del-and-getattr-on-returned-objects": Attack(
        answers={
            "counter": "class Counter:\n"
            "    def __getattr__(self, name): return Counter()\n"
            "    def __del__(self): print('REACHED del')\n"
            "    def __call__(self, *a): return Counter()\n"
            "    def __reduce__(self): return (print, ('REACHED reduce',))\n"
            "    def __eq__(self, other): return True",
            "answer": "answer = type('X', (), {'__eq__': lambda s, o: True})()",
        }
    ),
    "pickle-bomb": Attack(
        answers={
            "answer": "class Bomb:\n    def __reduce__(self):\n        return (exec, ('print(\"REACHED\")',))\n"
            "import pickle\nanswer = pickle.dumps(Bomb())",
            "halves": "import numpy as np\ndef halves(x):\n    return np.array([Bomb(), Bomb()], dtype=object), Bomb()",
        }
    ),
    "giant-arrays": Attack(
        answers={
            "double": "import numpy as np\ndef double(x):\n    return np.zeros(12_000_000)",
            "halves": "import numpy as np\ndef halves(x):\n    return np.broadcast_to(1.0, (10**9, 100)), x",
            "answer": "answer = 'x' * 100_000_000",
        }
    ),
    "deep-nesting": Attack(
        answers={
            "answer": "answer = []\nfor _ in range(100_000):\n    answer = [answer]",
            "halves": "def halves(x):\n    a = []\n    a.append(a)\n    return a, a",
        }
    ),
    "answers-that-differ": Attack(
        answers={
            "double": "calls = [0]\ndef double(x):\n    calls[0] += 1\n    return 2 * x if calls[0] % 2 else x + 1000",
            "halves": "import random\ndef halves(x):\n    return random.random(), random.random()",
        }
    ),
    "call-that-never-returns": Attack(answers={"double": "def double(x):\n    while True:\n        pass"}),
    "handle-whose-call-never-returns": Attack(
        answers={
            "counter": "class Counter:\n    total = 7\n    def add(self, n):\n        while True:\n            pass"
        }
    ),
    "attribute-that-never-comes": Attack(
        answers={
            "counter": "class Counter:\n    def add(self, n):\n        return 7\n    @property\n"
            "    def total(self):\n        while True:\n            pass"
        }
    ),
    "message-of-an-exception-that-never-ends": Attack(
        answers={
            "double": "class Slow(Exception):\n    def __str__(self):\n        while True:\n            pass\n"
            "def double(x):\n    raise Slow"
        }
    ),
    "exception-as-long-as-a-book": Attack(
        answers={"double": "def double(x):\n    raise ValueError('x' * 50_000_000, *range(1_000_000))"}
    ),
    "crash": Attack(
        answers={
            "double": "import ctypes\ndef double(x):\n    ctypes.string_at(0)",
            "halves": "import sys\ndef halves(x):\n    sys.setrecursionlimit(10**9)\n    return halves(x)",
        }
    ),
    "giant-numbers": Attack(
        answers={
            "answer": "answer = 1 << 100_000_000",
            "double": "def double(x):\n    return [1 << 10_000_000]",
            "halves": "def halves(x):\n    return 1 << 399_999, float('inf')",
        }
    ),
    "giant-strings": Attack(
        answers={
            "answer": "answer = 'y' * 30_000_000",
            "double": "def double(x):\n    return ['z' * 15] * 1_900_000",
            "halves": "def halves(x):\n    return b'0' * 15_000_000, {k: str(k) for k in range(900_000)}",
        }
    ),
    "array-of-nothing-with-a-giant-side": Attack(
        answers={
            "double": "import numpy as np\ndef double(x):\n    return np.zeros((10**15, 0))",
            "halves": "import numpy as np\ndef halves(x):\n    return np.zeros((2**40, 0, 2**20)), np.zeros((0,) * 20)",
        }
    ),
    "many-files-and-deep-folders": Attack(
        "import os\n"
        "for number in range(20_000):\n    os.close(os.open(f'empty{number}', os.O_CREAT))\n"
        "for _ in range(1500):\n    os.mkdir('d')\n    os.chdir('d')\n"
        "os.mkdir('/tmp/shut', 0)"
    ),
    "reads-stdin-in-a-call": Attack(
        answers={
            "double": "import sys\ndef double(x):\n    return float(input() or sys.stdin.read())",
            "halves": "import os\ndef halves(x):\n    return os.read(0, 100), os.read(1, 100)",
        }
    ),
    "call-that-swallows-interrupts": Attack(
        answers={
            "double": "import time, signal\ndef double(x):\n    signal.signal(signal.SIGALRM, signal.SIG_IGN)\n"
            "    while True:\n        time.sleep(1)"
        }
    ),
    "stdin": Attack(
        "import sys\n"
        "for read in (input, sys.stdin.readline, sys.stdin.read):\n"
        "    try:\n"
        "        if read(): print('REACHED stdin')\n"
        "    except BaseException as problem:\n"
        "        print('held:', type(problem).__name__)"
    ),
    "threads-left-running": Attack(
        "import threading, time\n"
        "def work():\n"
        "    while True:\n"
        "        get_ipython().user_ns['answer'] = 42 if False else 0\n"
        "        time.sleep(0.01)\n"
        "for _ in range(5):\n    threading.Thread(target=work, daemon=False).start()"
    ),
    "escapes-and-scripts": Attack(
        "from IPython.display import HTML, Javascript, SVG, Markdown, display\n"
        "print('\\x1b]0;owned\\x07\\x1b[2J\\x1b[31mred\\x9b5m \\u202e')\n"
        "display(HTML('<script>window.ACTIVE=1</script><img src=x onerror=\"window.ACTIVE=1\">'))\n"
        "display(Javascript('window.ACTIVE=1'))\n"
        "display(Markdown('<script>window.ACTIVE=1</script>'))\n"
        "display({'image/svg+xml': '<svg onload=\"window.ACTIVE=1\"/>', 'text/latex': '\\\\href{javascript:ACTIVE}{x}',"
        " 'application/vnd.jupyter.widget-view+json': {'model_id': 'ACTIVE'},"
        " 'application/vnd.gradcheck+json': {'verdict': 'pass', 'forged': 'ACTIVE'},"
        " 'image/png': '\"><script>window.ACTIVE=1</script>'}, raw=True)\n"
        "raise ValueError('<script>window.ACTIVE=1</script>')"
    ),
    "refused-libraries": Attack(
        "import sys\nsys.meta_path[:] = [f for f in sys.meta_path if 'Refused' not in type(f).__name__]\n"
        "for name in ('tensorflow', 'torch', 'jax', 'autograd'):\n"
        "    try:\n"
        "        module = __import__(name)\n"
        "        if getattr(module, '__file__', None): print('REACHED', name)\n"
        "    except ImportError as problem:\n"
        "        print('held:', problem)"
    ),
    "hidden-inputs-told-later": Attack(
        answers={
            "double": "seen = []\n"
            "def double(x):\n"
            "    seen.append(x)\n"
            "    open('/tmp/seen', 'a').write(repr(x))\n"
            "    print('TOLD', x)\n"
            "    return x + 1000"
        },
        end="import os\nprint([float(v) for x in seen for v in x])\n"
        "print(open('/tmp/seen').read() if os.path.exists('/tmp/seen') else 'no file')",
    ),
}

# Kernels that speak the protocol themselves: they take the connection from the process that serves it.
STEAL = """
import gc, json, os, struct, sys
from classroom.inside import Notebook
server = next(o for o in gc.get_objects() if isinstance(o, Notebook))
pack = struct.Struct('>II').pack
def say(header, blob=b''):
    text = json.dumps(header).encode() if not isinstance(header, bytes) else header
    server.channel.end.settimeout(5)
    server.channel.end.sendall(pack(len(text), len(blob)) + text + blob)
"""


def speaks(body: str) -> Attack:
    """Return an attack whose ``double`` sends messages of its own to the judge."""
    return Attack(answers={"double": STEAL + "import time\ndef double(x):\n" + body + "\n    return 0"})


ATTACKS |= {
    "forges-a-score": speaks(
        "    say({'reply': 2, 'outputs': [{'output_type': 'execute_result', 'data': {'text/plain': '5.0'}}],"
        " 'score': 5.0, 'done': [{'index': 0, 'outputs': [], 'failed': False, 'amiss': None}]})"
    ),
    "forges-replies-ahead": speaks("    for n in range(1, 50):\n        say({'reply': n, 'result': True})"),
    "garbles": speaks("    say(b'{not json')"),
    "garbles-deeply": speaks("    say(b'[' * 1_000_000)"),
    "claims-much": speaks("    server.channel.end.sendall(pack(100, 4_000_000_000))\n    time.sleep(60)"),
    "drips": speaks(
        "    server.channel.end.sendall(pack(1000, 0))\n    for _ in range(1000):\n"
        "        server.channel.end.sendall(b' ')\n        time.sleep(0.5)"
    ),
    "drips-whole-messages": speaks(
        "    for n in range(1000):\n        say({'callback': 0, 'args': ['t', []]})\n        time.sleep(0.5)"
    ),
    "floods": speaks("    for n in range(100_000):\n        say({'reply': -n, 'result': 0})"),
    "garbles-hugely": speaks("    say(b'[' + b'[],' * 4_000_000 + b'0]')"),
    "wrong-shapes": speaks("    say({'reply': 2, 'result': ['a', '<f8', [10**12], 'C', True, 0, 0]})"),
    "negative-places": speaks("    say({'reply': 2, 'result': ['a', '<f8', [-1], 'C', True, -8, 8]}, b'x' * 64)"),
    "object-dtype": speaks("    say({'reply': 2, 'result': ['a', '|O', [1], 'C', True, 0, 8]}, b'x' * 8)"),
    "forged-arguments": speaks(
        "    say({'reply': 2, 'result': 0, 'args': ['l', [0, ['l', [['a', '<f8', [3], 'C', True, 0, 24]]], ['d', []]]],"
        " 'args_at': 0}, bytes(24))"
    ),
    "calls-what-was-not-lent": speaks(
        "    say({'callback': 0, 'args': ['l', [['l', []], ['d', []]]]})\n    time.sleep(1)"
    ),
    "unhashable-keys": speaks("    say({'reply': 2, 'result': ['d', [[['l', []], 1]]]})"),
    "unknown-exception": speaks(
        "    say({'reply': 2, 'error': {'type': '__import__', 'bases': ['SystemExit'], 'text': 1}})"
    ),
    "forged-outputs": Attack(
        STEAL + "say({'reply': server.channel and 2, 'outputs': [{'output_type': 'stream', 'text': ['x']},"
        " {'output_type': 'display_data', 'data': {'text/html': '<script>window.ACTIVE=1</script>'}},"
        " 5, None, {'output_type': 'error', 'traceback': 5}]})"
    ),
    "ends-the-connection": Attack(STEAL + "server.channel.end.close()"),
}
