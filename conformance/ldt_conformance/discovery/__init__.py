"""The detector: which API answers behind this URL? Read-only, few requests, evidence for every finding."""

from ldt_conformance.discovery.answers import Answer, Ask, Finding, Obstacle
from ldt_conformance.discovery.detector import Detection, detect, root_and_path

__all__ = ["Answer", "Ask", "Detection", "Finding", "Obstacle", "detect", "root_and_path"]
