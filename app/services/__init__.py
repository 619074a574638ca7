"""What the product does: domain verbs that load, decide by pure rules and write, and know nothing of HTTP."""
