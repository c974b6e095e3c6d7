"""The command line: one file per command. A command imports heavy packages only when it needs them."""
