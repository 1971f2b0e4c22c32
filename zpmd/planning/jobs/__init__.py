"""Jobs: what becomes of every due instant of every job, and of each run until its last container has gone.

`ledger` is the parent of it, and reads as the order of decisions. What is seen comes first (`following`), then what
has been due since (`telling`, by `catchup` and `overlap`), who has to stop (`stopping`), who may begin (`starting`),
what is kept (`evidence`) and how every job stands (`standings`). All of it reads and writes one `book`, which is what
the pass writes into the ledger before anything else is done. Pure, as all of planning.
"""
