"""A grammar of some 180 lemmas, which says the same thing in English and in French.

Read it in this order: `words` (what a noun, an adjective and a verb are), `nouns`, `adjectives` and
`verbs` (the tables), `meaning` (what is said, in neither language), `english` and `french` (how it
is said), `places`, `sense` and `choosing` (what makes sense to say), and `reading` (what people
type).
"""
