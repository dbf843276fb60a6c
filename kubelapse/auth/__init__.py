"""Who may ask a server, and what they may see: what `query.login` asks for, from tokens, a cluster, an issuer."""
