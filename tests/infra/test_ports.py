"""Where servers of ours listen."""

import socket
from pathlib import Path

import pytest

from infra import ports
from infra.ports import HOST, free_port, is_free, is_handed_out


def test_no_outgoing_connection_is_given_a_port_of_a_server() -> None:
    with socket.create_server((HOST, 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert is_handed_out(client.getsockname()[1])
    chosen: list[int] = []
    for _ in range(200):
        chosen.append(free_port(chosen))
    assert len(set(chosen)) == 200
    assert not any(map(is_handed_out, chosen))


def test_a_port_where_somebody_listens_is_not_free() -> None:
    port = free_port()
    assert is_free(port)
    with socket.create_server((HOST, port)):
        assert not is_free(port)
    assert is_free(port)


def test_where_the_system_hands_out_nearly_all_ports_there_is_one_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    handed_out = tmp_path / "range"
    handed_out.write_text("1024\t65535\n")
    monkeypatch.setattr(ports, "_HANDED_OUT", handed_out)
    handed_out_too = free_port()
    assert is_free(handed_out_too)
    given = iter([handed_out_too, handed_out_too, free_port({handed_out_too})])
    monkeypatch.setattr(ports, "_candidates", lambda: given)
    assert free_port({handed_out_too}) != handed_out_too
