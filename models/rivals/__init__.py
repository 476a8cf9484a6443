"""The simple and published methods that a model must beat, one file each."""
