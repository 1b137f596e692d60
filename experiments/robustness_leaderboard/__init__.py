"""Models x defences under named threat models: what is left of attacks, what it costs."""
