"""How people see it: read models, the API over a real socket, zpmctl."""
