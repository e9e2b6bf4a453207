"""@context resolution, expansion and compaction of names: ETSI GS CIM 009 V1.9.1, clauses 4.4 and 5.5.5 to 5.5.7."""

from ldt_stack.broker.ld_context.context import LdContext, core_context
from ldt_stack.broker.ld_context.core import CORE_CONTEXT_URL, CORE_VERSION
from ldt_stack.broker.ld_context.registry import CachedDocument, ContextRegistry

__all__ = ["CORE_CONTEXT_URL", "CORE_VERSION", "CachedDocument", "ContextRegistry", "LdContext", "core_context"]
