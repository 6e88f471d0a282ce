"""The sandbox: an embedded server of the Threads/Runs protocol with its own SQLite file.

It exists so that the dashboard runs anywhere on first start and tests talk to a real socket. It is an
independent implementation of the wire format: it imports no other room of the project and no other
room imports it. Its answers are scripted; nothing here is a language model.
"""
