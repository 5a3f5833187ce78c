"""The passes in plain torch operations: what runs where nothing is compiled, and on other devices than the CPU."""
