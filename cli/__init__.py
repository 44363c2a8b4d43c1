"""The front desk: one command, `attlas`; imports a room only when a verb needs it."""
