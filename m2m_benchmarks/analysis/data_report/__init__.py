"""What a lab wants to see before it trusts its recordings: numbers only; `report.data_tables` and others show them."""
