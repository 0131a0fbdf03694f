"""Work that waits for a worker: runs in lanes, under leases.

kinds        what is done, and how: a name, a handler, how many at once in an organisation
leased_run   a run while a worker has it, as its handler sees it
asking       how work is asked for, in the transaction of whatever it follows from; and asked for again and again
statements   the SQL: what is due, taking, ending, renewing
takers       one process: takes what is due, in fair turns, runs it, and writes how it ended
schedules    work that comes again and again
"""
