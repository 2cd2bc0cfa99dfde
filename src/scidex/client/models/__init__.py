"""What the server answers, tag by tag: made from the description of the API."""
