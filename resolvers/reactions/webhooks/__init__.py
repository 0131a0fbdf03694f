"""Delivering events to webhooks.

delivering   one loop a process: finds endpoints with something to send, and takes a lease on each
session      one endpoint while this process holds its lease: reads events, sends them, writes how far it is
standing     what an endpoint's answers mean: retries, the circuit, when it is disabled
queue        which events may be sent now, in the order that the endpoint asks for
messages     an event as the body of a request
attempts     one request and its outcome
storing      what a session writes, in one transaction
"""
