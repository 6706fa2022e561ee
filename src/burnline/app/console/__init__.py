"""The console: pages for people, made on the server, kept live by one event stream."""
