"""Everything durable. The only package that speaks SQL: each module is the verbs of one noun.

A verb takes the transaction as its first argument (`tx`), so that callers can put several into one
`Database.write(lambda tx: ...)`.
"""
