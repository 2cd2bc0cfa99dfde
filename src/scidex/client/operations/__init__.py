"""Requests of the server, tag by tag: made from the description of the API."""
