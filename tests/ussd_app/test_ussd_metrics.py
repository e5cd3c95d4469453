"""Metrics can be read at any moment in the life of a web process."""

from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from ussd_app.health import WrittenFiles


def test_a_process_that_was_killed_while_starting_does_not_hide_the_metrics_of_the_others(
    tmp_path: Path,
) -> None:
    (tmp_path / "counter_7.db").touch()
    registry = CollectorRegistry()
    WrittenFiles(registry, str(tmp_path))
    assert generate_latest(registry) == b""
