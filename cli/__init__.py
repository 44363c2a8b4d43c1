"""The command line: one command, `attlas`; a room is imported only when a verb needs it."""
