"""The workers on one machine: nothing of a class is to be seen by others there, and two runs go side by side."""

import urllib.error
import urllib.request
import warnings

import pytest

from classroom.cluster import workers_at, workers_here
from classroom.errors import InstructorError


def test_two_runs_side_by_side_show_no_pages():
    with warnings.catch_warnings(), workers_here(1) as one, workers_here(1) as other:
        warnings.simplefilter("error")
        for client in (one, other):
            info = client.scheduler_info()
            ports = [info["services"]["dashboard"]]
            ports += [worker["services"]["dashboard"] for worker in info["workers"].values()]
            assert len(ports) == 2
            for port in ports:
                for page in ("info/main/workers.html", "json/counts.json", "metrics", "health", "status", ""):
                    with pytest.raises(urllib.error.HTTPError, match="404"):
                        urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=30)


@pytest.mark.parametrize("address", ["localhost", "tcp://127.0.0.1", "tcp://127.0.0.1:dask", "nonsense://x"])
def test_address_that_names_no_scheduler_is_refused_before_a_client_is_made(address, monkeypatch):
    monkeypatch.setattr("distributed.Client", None)
    with pytest.raises(InstructorError, match="No scheduler answers at"), workers_at(address):
        pass
