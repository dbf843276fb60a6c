"""Ad-hoc SQL: what somebody else wrote, answered without trusting it.

Four walls, each of which would do if the others had holes: `statement` parses the text and writes a new one from
what it understood, with our views and nothing else (the text itself is never passed on); `tree` has the engine's own
parser say how it reads that, and checks every function and table against the same lists; the engine must class it as
one statement that reads; and it runs in `schema.sandbox`, as a role that may read the views, under limits that it
cannot change.
"""
