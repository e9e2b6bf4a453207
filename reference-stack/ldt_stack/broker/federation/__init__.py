"""Context Sources: what is registered, which of it a request concerns, forwarding, and merging of what comes back.

ETSI GS CIM 009 V1.9.1, clauses 4.3.6 (distributed operations), 4.5.5 (merging), 4.20 (names of operations), 5.12
(matching) and 6.3.17 to 6.3.19 (HTTP).
"""
