"""Print how long checks in the page take, at two speeds of the network: `python benchmarks/page_exercises.py`.

The built book is served on this machine by a server that sends so many bits a second to all connections together, each
answer after 40 ms, compressed as hosts do. Chromium opens chapter 5 and checks the right answer of its first exercise.
"""

import argparse
import http.server
import statistics
import sys
import threading
import time
from pathlib import Path

# In place of this folder, which has a gradcheck.py of its own.
sys.path[0] = str(Path(__file__).resolve().parent.parent / "tests/web")

import visits  # noqa: E402
from exercises_in_pages import Reader, every_exercise  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

PLACE = "05-chain-rule/mul-backward"
LATENCY = 0.04
PIECE = 4096
# From the click to the verdict, as the page itself sees it.
TIMED_CHECK = """async (root) => {
  const start = performance.now();
  root.querySelector("button.check").click();
  while (root.dataset.state === "running") await new Promise((resolve) => setTimeout(resolve, 1));
  return performance.now() - start;
}"""


class Throttled(visits.Host):
    """Sends answers no faster than `rate` bits a second, all together."""

    rate = 0.0
    lock = threading.Lock()
    free_at = 0.0

    def do_GET(self) -> None:
        """Answer after the latency, piece by piece."""
        time.sleep(LATENCY)
        whole, self.wfile = self.wfile, self
        super().do_GET()
        self.wfile = whole

    def write(self, content: bytes) -> None:
        """Send content at the speed of the line."""
        for start in range(0, len(content), PIECE):
            piece = content[start : start + PIECE]
            if self.rate:
                with self.lock:
                    Throttled.free_at = max(Throttled.free_at, time.monotonic()) + len(piece) * 8 / self.rate
                    until = Throttled.free_at
                time.sleep(max(0.0, until - time.monotonic()))
            self.connection.sendall(piece)

    def flush(self) -> None:
        """Nothing waits."""


def measure(playwright, chromium: str, address: str) -> tuple[float, list[float], float, float]:
    """Return the seconds of the first check, of twenty later ones, of a stopped loop and of the check after it."""
    browser = playwright.chromium.launch(executable_path=chromium, args=visits.FLAGS)
    page = browser.new_page()
    reader = Reader.at(page, address, PLACE)
    solution = every_exercise()[PLACE].solution
    reader.write(solution)
    page.wait_for_load_state("networkidle")
    check = lambda: reader.root.evaluate(TIMED_CHECK) / 1000  # noqa: E731
    first = check()
    later = [check() for _ in range(20)]
    reader.write("def mul_backward(dz, cache):\n    while True:\n        pass\n")
    stopped = check()
    reader.write(solution)
    after = check()
    assert reader.state() == "right"
    browser.close()
    return first, later, stopped, after


def main() -> None:
    """Measure at every speed and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chromium", required=True, help="path of the browser")
    parser.add_argument("--book", type=Path, default=visits.BOOK, help="folder of the built book")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    visits.BOOK = options.book
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Throttled)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}{visits.PREFIX}"
    print("line          first check  later (median)  loop stopped  check after it")
    with sync_playwright() as playwright:
        for name, rate in (("this machine", 0.0), ("10 Mbit/s", 10e6), ("1.6 Mbit/s", 1.6e6)):
            Throttled.rate = rate
            runs = [measure(playwright, options.chromium, address) for _ in range(options.runs)]
            first, stopped, after = (statistics.median(run[k] for run in runs) for k in (0, 2, 3))
            later = statistics.median(seconds for run in runs for seconds in run[1])
            print(f"{name:12}  {first:9.2f} s  {later * 1000:11.0f} ms  {stopped:10.2f} s  {after:12.2f} s")
    server.shutdown()
    server.server_close()


if __name__ == "__main__":
    main()
