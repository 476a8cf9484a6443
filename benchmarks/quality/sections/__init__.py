"""The sections of the page: each writes what one part measured."""
