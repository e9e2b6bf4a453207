"""NGSI-LD checks: ETSI GS CIM 009 V1.9.1 over HTTP, one module an operation or a common behaviour of the binding.

Every check quotes the clause it rests on and names the official test purposes (GS CIM 013 V3.1.1) it covers. Where
those two disagree the clause decides. `given.py` sets the stage (a failure there is inconclusive), `sample.py` finds
Entities of the site for the checks that only read.
"""
