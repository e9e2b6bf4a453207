"""Operations that are distributed to registered Context Sources, which the run stands in for (clause 4.3.6)."""
