"""The engine's fakes, for commands in processes of their own."""

from __future__ import annotations

from ..engine.conftest import authority, broker, provider, server_tls, tls_broker, write_site

__all__ = ["authority", "broker", "provider", "server_tls", "tls_broker", "write_site"]
