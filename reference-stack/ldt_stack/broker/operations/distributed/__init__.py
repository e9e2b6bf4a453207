"""Operations that Context Sources take part in (clause 4.3.6)."""
