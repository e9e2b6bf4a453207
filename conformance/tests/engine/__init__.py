"""Tests of the engine, the plugin and the commands, against small fakes."""
