"""What tests of the network share: servers on this machine are asked directly."""

import pytest


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    """No proxy of whoever runs the tests; one of a test's own is set after this."""
    for name in ('http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
