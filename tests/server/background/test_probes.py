"""What `dealboard work` answers: whether it lives, whether it can work, and its figures."""

import signal
import socket
from pathlib import Path

import httpx2
import pytest

from models.database import Database
from server.background.probes import probe_listener
from server.settings import WrongSettings
from tests.support.consuming import until_so
from tests.support.servers.served import working
from tests.support.servers.stand_in import settings

READY = {"database": True, "migrations": True, "wakeups": True, "working": True}


async def test_a_worker_answers_probes(database: Database, postgres_url: str, tmp_path: Path) -> None:
    """On the port of the settings, with the metrics of what it does; nothing else is there."""
    environment = {
        "DEALBOARD_DATABASE_URL": postgres_url,
        "DEALBOARD_JWT_SECRET": "s" * 40,
        "DEALBOARD_WORK_PORT": "0",
        "DEALBOARD_CONSUMER_INTERVAL": "0",
    }
    with working(tmp_path, **environment) as (process, said):
        root = said.split("Working. ")[1].partition("/readyz")[0]
        with httpx2.Client(base_url=root, timeout=60) as client:
            assert client.get("/livez").json() == {"alive": True}
            await until_so(lambda: client.get("/readyz").json() == READY)
            metrics = client.get("/metrics").text
            assert 'dealboard_consumer_events_behind{consumer="notifications"} 0.0' in metrics
            assert "dealboard_wakeups_connected 1.0" in metrics
            assert client.get("/graphql").status_code == 404
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_without_the_setting_nothing_listens() -> None:
    """The default."""
    with probe_listener(settings()) as listener:
        assert listener is None


def test_a_taken_port_is_refused() -> None:
    """In one line that names the setting."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = rf"Cannot listen on 127.0.0.1:{port} \(.*\)\. Stop what .* or choose another DEALBOARD_WORK_PORT\."
        with pytest.raises(WrongSettings, match=message), probe_listener(settings(work_port=port)):
            pytest.fail("It has bound a port that is taken.")
