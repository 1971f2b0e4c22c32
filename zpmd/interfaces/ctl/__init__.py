"""zpmctl: its commands (look, tell, patch), what they print (render, lines, screen), how they ask the daemon (client).

A command translates words into one or two requests and an answer into lines; it decides nothing, and knows nothing that
the API does not tell. Only `zpmctl patch build|sign|verify|keygen` and `doctor` work without a daemon.
"""
