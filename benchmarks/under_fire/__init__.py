"""A night under fire: a catalog that changes, a service whose processes are killed, readers, and a provider that counts."""
