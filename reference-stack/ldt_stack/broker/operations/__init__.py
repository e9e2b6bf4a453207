"""What the broker does: the operations of clauses 5.6 to 5.16, without HTTP."""
